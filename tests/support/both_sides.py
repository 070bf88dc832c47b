"""Battles in which both sides carry out the enemies' script, from starts that a test sets out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedqmix.envs.maps import MapRecord, load_map
from fedqmix.envs.skirmish.arrays import ATTACK_MOVE
from fedqmix.envs.skirmish.world import SkirmishWorld
from support.worlds import options, over, training

SYMMETRIC = ("3m", "8m", "25m", "2s3z", "3s5z", "1c3s5z", "MMM", "bane_vs_bane")


class Silence:
    """A sink that keeps nothing."""

    def begin(self, battles, time_step) -> None:
        pass

    def record(self, time_step) -> None:
        pass


class ScriptAgainstScript(SkirmishWorld):
    """A world whose agents attack-move to where the enemies begin, as the enemies do to where the agents begin."""

    def __init__(self, name: str, seed: int = 0, threads: int = 1) -> None:
        record = load_map(name)
        super().__init__(record, seed, options(), Silence(), threads)
        agents = self._template[: record.n_agents]
        agents["order"] = ATTACK_MOVE
        agents["goal_x"], agents["goal_y"] = mirrored(record, *record.attack[0])

    def _checked(self, actions):
        return actions  # nobody gives the agents an order: the no-op, which the interface keeps from the living

    def set_out(self, battles: int, change: Callable) -> None:
        """Begin battles and let a test change their units [battles, units] and how those are numbered."""
        self.begin(training(0, battles))
        change(self._units)

    def advance(self) -> bool:
        """Play one environment step of every battle; return whether any is not over."""
        time_step = self.step(np.zeros((self.spec.n_agents, self._count), np.int64))
        return not over(time_step).all()

    def standing(self) -> np.ndarray:
        """[battles] 1 where only agents are left that can fight, -1 where only enemies are, else 0."""
        armed = (self._units["health"] > 0) & (self._scene.kinds["heal_rate"][self._units["kind"]] == 0)
        agents = self.spec.n_agents
        return armed[:, :agents].any(1).astype(int) - armed[:, agents:].any(1).astype(int)


def mirrored(record: MapRecord, x, y):
    """The mirror image of places, on the axis between the two teams."""
    if record.name == "bane_vs_bane":
        return x, 32 - y
    return 32 - x, y


__all__ = ["SYMMETRIC", "ScriptAgainstScript", "mirrored"]
