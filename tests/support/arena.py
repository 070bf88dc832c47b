"""One battle whose units a test places by hand, played game loop by game loop by the real kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fedqmix.envs.maps import Group, load_map
from fedqmix.envs.skirmish import combat, damage, movement, orders
from fedqmix.envs.skirmish.arrays import ATTACK_MOVE, BATTLE, MOVE, NO_UNIT
from fedqmix.envs.skirmish.movement import ROWS
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.teams import make_units
from fedqmix.envs.units import unit_names
from support.callable_rules import callable_kernel

decide, move = callable_kernel(combat.decide), callable_kernel(movement.move)
deal, regenerate = callable_kernel(damage.deal), callable_kernel(damage.regenerate)
give_order = callable_kernel(orders.give_order)

STOP, NORTH, SOUTH, EAST, WEST, FIRST_TARGET = 1, 2, 3, 4, 5, 6
LOOPS = 8  # of an environment step


class Arena:
    """Units on the ground of a map: allies and enemies as (type, x, y), numbered through in the order given.

    The enemies' attack-move leads to `goal`; without one each stays where it is until it finds a target, which
    is what a unit at its destination does. With hunting they are after the agents wherever those are. All random draws
    come from `seed`.
    """

    def __init__(self, allies, enemies, map="3m", goal=None, hunting=False, seed=1) -> None:
        self.record = replace(
            load_map(map),
            allies=tuple(Group(*unit[:1], 1, *unit[1:]) for unit in allies),
            enemies=tuple(Group(*unit[:1], 1, *unit[1:]) for unit in enemies),
            ally_slots=(),
            enemy_slots=(),
        )
        self.n_agents = len(allies)
        self.scene = make_scene(load_map(map))._replace(n_agents=len(allies), hunting=hunting)
        self.batch = make_units(self.record)[None].copy()
        self.units = self.batch[0]
        self._set_out([*allies, *enemies], goal, seed)
        self.battle = np.zeros(1, dtype=BATTLE)
        self.battle["crowded"] = True
        self.scratch = np.zeros((ROWS, len(self.units)))

    def _set_out(self, placed, goal, seed: int) -> None:
        units, kinds = self.units, self.scene.kinds
        units["kind"] = [unit_names().index(name) for name, _, _ in placed]
        units["x"], units["y"] = np.array([place for _, *place in placed], dtype=float).T
        for field, most in (("health", "health_max"), ("shield", "shield_max"), ("energy", "energy_start")):
            units[field] = kinds[most][units["kind"]]
        units["side_step"] = 1.0
        units["random"] = np.random.default_rng(seed).integers(2**63, size=len(units), dtype=np.uint64)
        enemies = units[self.n_agents :]
        enemies["order"], enemies["arrived"] = ATTACK_MOVE, goal is None
        enemies["goal_x"], enemies["goal_y"] = (enemies["x"], enemies["y"]) if goal is None else goal

    def act(self, agent: int, action: int) -> None:
        """Give an agent's action as an environment step would."""
        give_order(self.scene, self.batch, 0, agent, action)

    def attack(self, agent: int, unit: int) -> None:
        """Order an agent to attack (a medivac: to heal) the unit of this number."""
        heals = self.scene.kinds["heal_rate"][self.units["kind"][agent]] > 0
        self.act(agent, FIRST_TARGET + unit - (0 if heals else self.n_agents))

    def send(self, unit: int, x: float, y: float) -> None:
        """Let a unit walk to a point, however far."""
        self.units["order"][unit], self.units["target"][unit] = MOVE, NO_UNIT
        self.units["goal_x"][unit], self.units["goal_y"][unit] = x, y

    def loop(self, count: int = 1) -> None:
        """Play game loops, without the regeneration at the end of an environment step."""
        for _ in range(count):
            self.battle["loops"] += 1
            now = float(self.battle["loops"][0])
            decide(self.scene, self.batch, 0, now, self.scratch)
            move(self.scene, self.batch, self.battle[0], 0, self.scratch)
            deal(self.scene, self.batch, 0, now)

    def step(self, count: int = 1) -> None:
        """Play environment steps: eight loops, then regeneration."""
        for _ in range(count):
            self.loop(LOOPS)
            regenerate(self.scene, self.batch, 0, float(self.battle["loops"][0]))

    def loops_until(self, happened, most: int = 400) -> int:
        """Play until happened() is true; return after how many loops."""
        for loop in range(1, most + 1):
            self.loop()
            if happened():
                return loop
        raise AssertionError(f"it did not happen in {most} loops")

    def alive(self, unit: int) -> bool:
        """Tell whether a unit lives."""
        return bool(self.units["health"][unit] > 0)

    def place(self, unit: int) -> tuple[float, float]:
        """Where a unit is."""
        return float(self.units["x"][unit]), float(self.units["y"][unit])

    def total(self, unit: int) -> float:
        """Health and shield of a unit."""
        return float(self.units["health"][unit] + self.units["shield"][unit])

    def endless(self, *numbers: int, health: float = 1e7) -> None:
        """Let units survive a whole test."""
        for number in numbers:
            self.units["health"][number] = health

    def losses(self, victim: int, loops: int) -> list[tuple[int, float]]:
        """Play some loops; list the (loop, loss of health and shield) in which a unit lost any."""
        noted, before = [], self.total(victim)
        for _ in range(loops):
            self.loop()
            after = self.total(victim)
            if after != before:
                noted.append((int(self.battle["loops"][0]), round(before - after, 4)))
            before = after
        return noted

    @property
    def hits(self) -> np.ndarray:
        """[1, agents, enemies] whose attack has landed on whom."""
        bits = self.units["hit_by"][self.n_agents :]
        return (bits[None, None, :] >> np.arange(self.n_agents, dtype=np.uint64)[None, :, None] & np.uint64(1)) > 0

    def choose(self, unit: int) -> int:
        """Play one loop; return whom the unit is after."""
        self.loop()
        return int(self.units["target"][unit])


__all__ = ["EAST", "FIRST_TARGET", "LOOPS", "NORTH", "SOUTH", "STOP", "WEST", "Arena"]
