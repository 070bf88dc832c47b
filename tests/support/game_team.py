"""A world that plays on the stand-in game, with its sink, and random play."""

from __future__ import annotations

import sys

from fedqmix.envs.maps import load_map
from fedqmix.envs.smac.world import SmacWorld
from support.worlds import KeepingSink, RandomPlayer, copied, over, smac_options, training

WORKER = (sys.executable, "-m", "support.stand_in_worker")

SEED = 4


class Team:
    """A world with its sink, and random play."""

    def __init__(self, map: str = "3m", seconds: float = 60, games: int = 2, program=WORKER) -> None:
        self.sink = KeepingSink()
        env = smac_options(games=games, call_seconds=seconds, replay_dir="replays")
        self.world = SmacWorld(load_map(map), SEED, env, self.sink, program)

    def begin(self, first: int = 0, count: int = 2):
        self.player = RandomPlayer(9, first, count)
        self.time_step = copied(self.world.begin(training(first, count)))
        return self.time_step

    def step(self, times: int = 1):
        for _ in range(times):
            self.time_step = copied(self.world.step(self.player(self.time_step)))
        return self.time_step

    def finish(self):
        while not over(self.time_step).all():
            self.step()
        return self.time_step
