"""One battle whose units a test places by hand, played game loop by game loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.maps import Group, load_map
from envs.skirmish.arrays import ATTACK, BATTLE, IDLE, MOVE, make_units
from envs.skirmish.combat import deal_damage, decide
from envs.skirmish.movement import move
from envs.skirmish.orders import give_order
from envs.skirmish.rules import make_rules

SPEED = 2.25 / 16  # of a marine, cells a loop


class Arena:
    """Marines on the strip of the marine maps: allies at the given places, then enemies.

    The enemies' attack-move leads to `destination`. Enemies with ordered=False stay where they are until they see
    somebody. Weapon delays are drawn from `seed`.
    """

    def __init__(self, allies, enemies, destination=(9.0, 16.0), ordered: bool = True, seed: int = 1) -> None:
        record = replace(
            load_map("3m"),
            allies=(Group("marine", len(allies), 9, 16),),
            enemies=(Group("marine", len(enemies), 23, 16),),
            attack_x=float(destination[0]),
            attack_y=float(destination[1]),
        )
        self.n_agents, self.walkable, self.rules = len(allies), record.walkable, make_rules()
        self.batch = make_units(record)[None].copy()
        self.units = self.batch[0]
        self.units["x"], self.units["y"] = np.array([*allies, *enemies], dtype=float).T
        self.units["side_step"] = 1.0
        self.units["arrived"][self.n_agents :] = not ordered
        self.battle = np.zeros(1, dtype=BATTLE)
        self.battle["random"] = seed
        self.hits = np.zeros((1, len(allies), len(enemies)), np.bool_)
        self.scratch = np.zeros((4, len(self.units)))

    def act(self, agent: int, action: int) -> None:
        """Give an agent's action as an environment step would."""
        give_order(self.batch[0, agent], self.n_agents, action)

    def loop(self, count: int = 1) -> None:
        """Play game loops."""
        for _ in range(count):
            decide(self.rules, self.batch, self.battle[0], self.n_agents, 0, self.scratch)
            move(self.walkable, self.batch, self.battle[0], 0, self.scratch)
            deal_damage(self.rules, self.batch, self.hits, self.n_agents, 0)

    def loops_between_hits(self, unit: int, count: int) -> list[int]:
        """Play until a unit's attacks have hit so often; return the loops from each hit to the next."""
        times: list[int] = []
        for loop in range(40_000):
            self.loop()
            if self.units["strikes"][unit] >= 0:
                times.append(loop)
            if len(times) > count:
                return np.diff(times).tolist()
        raise AssertionError(f"unit {unit} hit only {len(times)} times")


__all__ = ["ATTACK", "IDLE", "MOVE", "SPEED", "Arena"]
