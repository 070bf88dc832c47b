"""The recording of an episode while it is played."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fedqmix.envs.maps import load_map
from fedqmix.envs.replays.record import MOMENT_COLUMNS, Occasion, Replay, Result, Unit
from fedqmix.envs.replays.scenery import Scenery
from fedqmix.runtime.core.scenes import Scene, SceneMoment
from fedqmix.runtime.core.world import Bools, Floats, Integers, UnitRecord


class Recording:
    """A growing record of one episode.

    Call `act` before each environment step, `earn` after it, and `finish` at the end.
    The caller passes the agents' Q-values and exploration draws: this package knows only the episode.
    """

    def __init__(self, map: str, occasion: Occasion, scene: Scene | None = None) -> None:
        """Begin a recording.

        map: the map's name, from which a battle's terrain is loaded. scene: that of the episode; None for a battle.
        """
        self._map, self._scene = map, scene
        self._occasion = occasion
        self._units: tuple[Unit, ...] = ()
        self._moments: dict[str, list[list[float]]] = {name: [] for name in MOMENT_COLUMNS}
        self._scene_moments: list[SceneMoment] = []
        self._steps: dict[str, list[Any]] = {name: [] for name in ("actions", "explored", "q_values")}
        self._rewards: dict[str, list[Any]] = {name: [] for name in ("individual_rewards", "team_reward")}

    def act(
        self,
        snapshot: list[UnitRecord],
        q_values: Floats,
        available_actions: Bools,
        actions: Integers,
        explored: Bools,
        scene_moment: SceneMoment | None = None,
    ) -> None:
        """Record a moment and the agents' actions in it.

        snapshot, scene_moment: the world's before the environment step; a battle has no scene_moment.
        q_values, available_actions: [agents, n_actions].
        actions, explored: [agents]. All are copied.
        """
        self._add_moment(snapshot, scene_moment)
        self._steps["q_values"].append(np.where(available_actions, q_values, np.nan))
        self._steps["actions"].append(np.array(actions))
        self._steps["explored"].append(np.array(explored))

    def earn(self, individual_rewards: Floats, team_reward: float) -> None:
        """Record the rewards of an environment step. individual_rewards: [agents], copied."""
        self._rewards["individual_rewards"].append(np.array(individual_rewards))
        self._rewards["team_reward"].append(team_reward)

    def finish(
        self, snapshot: list[UnitRecord], won: bool, truncated: bool, scene_moment: SceneMoment | None = None
    ) -> Replay:
        """Record the last moment and return the whole episode."""
        self._add_moment(snapshot, scene_moment)
        columns: dict[str, Any] = {name: np.array(rows, np.float64) for name, rows in self._moments.items()}
        columns |= {name: np.array(rows, np.float64) for name, rows in (self._steps | self._rewards).items()}
        columns |= {name: columns[name].astype(np.int64) for name in ("target", "actions")}
        columns["explored"] = columns["explored"].astype(np.bool_)
        scene = self._scene
        return Replay(
            map=self._map,
            occasion=self._occasion,
            result=Result.WON if won else Result.CUT_OFF if truncated else Result.LOST,
            walkable=load_map(self._map).walkable if scene is None else np.ones(scene.size, np.bool_),
            units=self._units,
            scenery=None if scene is None else Scenery.of_moments(scene, self._scene_moments),
            **columns,
        )

    def _add_moment(self, snapshot: list[UnitRecord], scene_moment: SceneMoment | None) -> None:
        if scene_moment is not None:
            self._scene_moments.append(scene_moment)
        if not self._units:
            self._units = units_of(snapshot)
        for name, rows in self._moments.items():
            rows.append([getattr(one, name) for one in snapshot])


def units_of(snapshot: Iterable[UnitRecord]) -> tuple[Unit, ...]:
    """Return the constant properties of a snapshot's units."""
    return tuple(Unit(one.side, one.index, one.type, one.radius, one.health_max, one.shield_max) for one in snapshot)
