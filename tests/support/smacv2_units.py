"""Hand-made units of SMACv2's scenarios, and what agents are shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish import interface
from fedqmix.envs.skirmish.arrays import NO_UNIT
from fedqmix.envs.skirmish.gathered import SCRATCH_LENGTH
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.envs.skirmish.teams import make_catalogue, make_units
from fedqmix.envs.units import unit_names
from support.callable_rules import callable_kernel
from support.worlds import options

write_views = callable_kernel(interface.write_views)
KINDS = make_catalogue().kinds
FIELDS = ("x", "y", "health", "shield", "energy", "cooldown", "facing")


class Shown:
    """A battle of hand-made units; `look` writes what the agents are shown, battle 0 of one."""

    def __init__(self, map: str, units: Sequence[Sequence[Any]], **changes: Any) -> None:
        """units: type and FIELDS of each, allies first; fields that are missing are those of a fresh unit."""
        self.record = load_map(map)
        self.layout = make_layout(self.record, options(**changes))
        self.units = make_units(self.record)[None].copy()
        own = self.units[0]
        for number, (type_, *values) in enumerate(units):
            own["kind"][number] = unit_names().index(type_)
            own["type_slot"][number] = self.record.ally_slots.index(type_)
            kind = KINDS[own["kind"][number]]
            own["health"][number], own["shield"][number] = kind["health_max"], kind["shield_max"]
            for field, value in zip(FIELDS, values, strict=False):
                own[field][number] = value if field == "facing" else np.float32(value)
        own["claimed_by"] = NO_UNIT
        own["sight_random"] = np.arange(1, len(own) + 1, dtype=np.uint64) * np.uint64(1234567)
        agents, layout = self.record.n_agents, self.layout
        self.available = np.ones((agents, 1, layout.n_actions), np.bool_)
        self.observations = np.full((agents, 1, layout.obs_dim), 7, np.float32)
        self.state = np.full((1, layout.state_dim), 7, np.float32)

    def look(self, steps: int = 0) -> Shown:
        """Write masks, observations and state."""
        scratch = np.full(SCRATCH_LENGTH, np.nan, np.float32)
        ground = self.record.walkable, self.record.height
        views = self.available, self.observations, self.state
        write_views(self.layout, KINDS, *ground, self.units, 0, steps, scratch, *views)
        return self

    def enemies(self, agent: int) -> np.ndarray:
        """What an agent is shown of the enemies: [enemies, features]."""
        layout = self.layout
        last = layout.move_features + layout.n_enemies * layout.enemy_features
        return self.observations[agent, 0, layout.move_features : last].reshape(layout.n_enemies, -1)

    def seen(self, agent: int) -> list[int]:
        """The enemies that an agent is shown, by number: those with a type bit."""
        return np.flatnonzero(self.enemies(agent)[:, -3:].any(-1)).tolist()

    def attackable(self, agent: int) -> list[int]:
        """The targets that are available to an agent, by number."""
        return np.flatnonzero(self.available[agent, 0, self.layout.vision.first_target :]).tolist()
