"""A game process without SMAC and without a game: skirmish's battles behind the worker's own loop.

FEDQMIX_STAND_IN_FAILS names what raises an error: "make", "begin", "step", "units" or "replay".
"""

from __future__ import annotations

import os
import sys

import numpy as np

from fedqmix.envs.maps import load_map
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.envs.smac.messages import Job
from fedqmix.envs.smac.worker import serve_battles
from fedqmix.envs.workers.messages import Sight
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamTimeStep


class LastTeamTurn:
    """A sink that keeps the last turn."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self.time_step = time_step

    def record(self, time_step: TeamTimeStep) -> None:
        self.time_step = time_step


class SkirmishBattles:
    """Battle n is skirmish's training episode n for the job's seed."""

    def __init__(self, job: Job) -> None:
        fail("make")
        self._sink = LastTeamTurn()
        self._world = SkirmishWorld(load_map(job.map), job.seed, skirmish_options(), self._sink)
        self._number = 0

    def begin(self) -> Sight:
        fail("begin")
        time_step = self._world.begin(EpisodeBatch(Purpose.TRAINING, self._number, 1))
        self._number += 1
        return self._sight(time_step)

    def step(self, actions) -> Sight:
        fail("step")
        return self._sight(self._world.step(actions[:, None]))

    def units(self):
        fail("units")
        return self._world.snapshot(0)

    def save_replay(self) -> None:
        fail("replay")

    def close(self) -> None:
        self._world.close()

    def _sight(self, time_step) -> Sight:
        team = self._sink.time_step
        return Sight(
            observations=time_step.observations[:, 0],
            available=time_step.available_actions[:, 0],
            state=team.state[0],
            team_reward=float(team.team_reward[0]),
            individual_rewards=time_step.individual_rewards[:, 0].astype(np.float32),
            terminated=bool(time_step.terminated[0]),
            truncated=bool(time_step.truncated[0]),
            won=bool(time_step.won[0]),
        )


def fail(where: str) -> None:
    if os.environ.get("FEDQMIX_STAND_IN_FAILS") == where:
        raise RuntimeError(f"this stand-in fails to {where}")


if __name__ == "__main__":
    print("the stand-in worker says hello")
    serve_battles(SkirmishBattles, sys.argv[1:])
