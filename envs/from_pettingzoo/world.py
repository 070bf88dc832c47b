"""The World of env=pettingzoo: parallel environments in worker processes."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from fedqmix.envs.actions import refuse_number
from fedqmix.envs.code_suite import Sizes
from fedqmix.envs.from_pettingzoo import messages as m
from fedqmix.envs.from_pettingzoo.options import PettingZooOptions
from fedqmix.envs.workers.messages import Facts
from fedqmix.envs.workers.process import BrokenWorkerError, Worker
from fedqmix.envs.workers.world import WorkerWorld
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.runtime.core.own_code import stamp
from fedqmix.runtime.core.world import TeamSink, TeamSpec

WORKER = (sys.executable, "-m", "fedqmix.envs.from_pettingzoo.worker")


class PettingZooWorld(WorkerWorld):
    """A World of one parallel environment's episodes, each in a process of its own.

    An episode is reset with a seed of its number and purpose. So it is the same at any batch size, if the environment
    draws from the seed or from the global generators of Python and NumPy.
    """

    player, episode, episodes = "environment", "episode", "episodes"

    def __init__(self, spec: TeamSpec, seed: int, options: PettingZooOptions, sink: TeamSink) -> None:
        """Build the world; no process starts yet. spec: as the suite returns it for the options."""
        super().__init__(spec, options.games, sink, refuse_number)
        self._seed, self._options = seed, options

    @property
    def game(self) -> str:
        """The environment's name, with PettingZoo's version."""
        return f"{measure(self._options).name} (PettingZoo {version('pettingzoo')})"

    def _start(self, number: int) -> Worker:
        return Worker(WORKER, job_of(self._options).to_json(), self._options.call_seconds)

    def _opening(self, episode: int) -> Facts:
        role = f"pettingzoo.{self._batch.purpose}"
        return {m.SEED: seeds.key(self._seed, role, self._batch.first + episode) % 2**31}

    def _advice(self) -> str:
        return f"It is played by env.code={self._options.code}."


def job_of(options: PettingZooOptions) -> m.Job:
    """Return the job of a process. Raises ConfigurationError without env.code."""
    if options.code is None:
        raise ConfigurationError("env.code=null: write env.code=FILE.py:FUNCTION or env.code=module:FUNCTION.")
    return m.Job(options.code, options.episode_limit, options.team_reward, options.state, options.score)


class Measured(NamedTuple):
    """What a process reports of its environment."""

    sizes: Sizes
    name: str


def measure(options: PettingZooOptions) -> Measured:
    """Return the sizes and the name of an environment, measured in a worker process once for each state of a file.

    Raises ConfigurationError for code that fails.
    """
    return _measure(replace(job_of(options), episode_limit=None), options.call_seconds, stamp(options.code))


@cache
def _measure(job: m.Job, seconds: float, stamp: int | None) -> Measured:
    worker = Worker(WORKER, job.to_json(), seconds)
    try:
        worker.ask(m.SIZES)
        facts, _ = worker.answer()
    except (BrokenWorkerError, WorldError) as error:
        worker.kill()
        raise ConfigurationError(f"env.code={job.code} cannot be played: {error}.") from error
    worker.dismiss()
    worker.end()
    return Measured(Sizes(*(facts[name] for name in Sizes._fields)), facts[m.NAME])
