"""The process that plays one parallel environment of PettingZoo, by requests over a pipe."""

from __future__ import annotations

import sys

from fedqmix.envs.from_pettingzoo.episodes import ParallelEpisodes
from fedqmix.envs.from_pettingzoo.messages import Job
from fedqmix.envs.workers.serving import serve
from fedqmix.runtime.core.own_code import place_of

if __name__ == "__main__":
    serve(lambda job: ParallelEpisodes(Job.from_json(job)), sys.argv[1:], place_of)
