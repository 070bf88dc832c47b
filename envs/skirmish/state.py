"""SMAC's global state: units, last actions and the time, or the observations concatenated."""

from __future__ import annotations

from numpy import uintp as index

from fedqmix.envs.skirmish.arrays import NO_UNIT, UNARMED, Records
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.gathered import HEALTH, SHIELD, X, Y
from fedqmix.envs.skirmish.layout import Layout
from fedqmix.envs.skirmish.smacv2.sight import write_facing
from fedqmix.runtime.core.world import Floats


@inner
def write_state(
    layout: Layout,
    kinds: Records,
    units: Records,
    b: int,
    steps: int,
    scratch: Floats,
    observations: Floats,
    state: Floats,
) -> None:
    """Write state[b, state_dim] (get_state).

    scratch, observations: of battle b, already written.
    """
    if layout.obs_instead_of_state:
        for agent in range(layout.n_agents):
            for at in range(layout.obs_dim):
                state[b, index(agent * layout.obs_dim + at)] = observations[agent, b, index(at)]
        return
    at = write_units(layout, kinds, units, b, scratch, state)
    if layout.state_last_action:
        for rest in range(at, layout.state_dim):
            state[b, index(rest)] = 0.0
        for agent in range(layout.n_agents):
            action = units[b, agent].last_action
            if action >= 0:
                state[b, index(at + action)] = 1.0
            at += layout.n_actions
    if layout.state_timestep:
        state[b, index(at)] = steps / layout.episode_limit


@inner
def write_units(layout: Layout, kinds: Records, units: Records, b: int, scratch: Floats, state: Floats) -> int:
    """Write the attributes of agents and enemies (get_state_dict); return the index behind them."""
    at = 0
    for agent in range(layout.n_agents):
        unit = units[b, agent]
        if unit.health > 0.0:
            kind = kinds[unit.kind]
            heals = layout.medivacs and kind.weapon == UNARMED
            state[b, index(at)] = scratch[index(HEALTH + agent)]
            state[b, index(at + 1)] = (unit.energy if heals else max(unit.cooldown, 0.0)) / kind.state_cooldown
            write_place(layout, layout.ally_shields, agent, unit.type_slot, unit.facing, b, at + 2, scratch, state)
        else:
            write_nothing(b, at, layout.ally_attributes, state)
        at += layout.ally_attributes
    for enemy in range(layout.n_agents, layout.n_agents + layout.n_enemies):
        unit = units[b, enemy]
        if unit.health > 0.0:
            state[b, index(at)] = scratch[index(HEALTH + enemy)]
            write_place(layout, layout.enemy_shields, enemy, unit.type_slot, NO_UNIT, b, at + 1, scratch, state)
        else:
            write_nothing(b, at, layout.enemy_attributes, state)
        at += layout.enemy_attributes
    return at


@inner
def write_nothing(b: int, at: int, count: int, state: Floats) -> None:
    """Write zeros for a dead unit from index `at` on."""
    for attribute in range(count):
        state[b, index(at + attribute)] = 0.0


@inner
def write_place(
    layout: Layout,
    shields: bool,
    u: int,
    type_slot: int,
    facing: int,
    b: int,
    at: int,
    scratch: Floats,
    state: Floats,
) -> None:
    """Write a unit's place relative to the map's centre, shield, direction of view and type from index `at` on.

    facing: the direction's number, NO_UNIT for an enemy. Only agents with a cone of sight have one.
    """
    state[b, index(at)] = (scratch[index(X + u)] - layout.map_width / 2) / layout.map_width
    state[b, index(at + 1)] = (scratch[index(Y + u)] - layout.map_height / 2) / layout.map_height
    at += 2
    if shields:
        state[b, index(at)] = scratch[index(SHIELD + u)]
        at += 1
    if facing != NO_UNIT:
        at = write_facing(layout.vision.limits, facing, at, state[b])
    if layout.unit_type_bits > 0:
        for bit in range(layout.unit_type_bits):
            state[b, index(at + bit)] = bit == type_slot
