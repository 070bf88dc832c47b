"""SMAC's interface: what agents may do, what they see, and the global state, from the state of the units alone.

Every function reads battle b of units [battles, units] and writes into arrays the caller gives. The formulas are those
of SMAC's StarCraft2Env (the method is named at each function), quirks included.
"""

from __future__ import annotations

from math import sqrt

from contracts.world import Bools, Floats
from envs.skirmish.arrays import Records, Unit
from envs.skirmish.compile import kernel
from envs.skirmish.layout import ACTIONS_BEFORE_ATTACKS, Layout

NO_OP, STOP, NORTH, SOUTH, EAST, WEST = 0, 1, 2, 3, 4, 5
SHOOT_RANGE = 6.0  # unit_shoot_range: from centre to centre, inclusive, whatever the weapon
SIGHT_RANGE = 9.0  # unit_sight_range: exclusive
MOVE_PROBE = 1.0  # half of SMAC's move_amount: how far ahead can_move looks


@kernel
def is_walkable(walkable: Bools, x: float, y: float) -> bool:
    """Look up one cell; int() cuts towards zero, so x = -0.5 reads cell 0 (can_move, check_bounds)."""
    column, row = int(x), int(y)
    inside = 0 <= column < walkable.shape[0] and 0 <= row < walkable.shape[1]
    return inside and bool(walkable[column, row])


@kernel
def write_available(layout: Layout, kinds: Records, walkable: Bools, units: Records, b: int, available: Bools) -> None:
    """Write available[agents, b, n_actions] (get_avail_agent_actions)."""
    for agent in range(layout.n_agents):
        unit = units[b, agent]
        if unit.health <= 0.0:
            available[agent, b, NO_OP] = True
            for action in range(STOP, layout.n_actions):
                available[agent, b, action] = False
            continue
        available[agent, b, NO_OP] = False
        available[agent, b, STOP] = True
        available[agent, b, NORTH] = is_walkable(walkable, unit.x, unit.y + MOVE_PROBE)
        available[agent, b, SOUTH] = is_walkable(walkable, unit.x, unit.y - MOVE_PROBE)
        available[agent, b, EAST] = is_walkable(walkable, unit.x + MOVE_PROBE, unit.y)
        available[agent, b, WEST] = is_walkable(walkable, unit.x - MOVE_PROBE, unit.y)
        for enemy in range(layout.n_enemies):
            other = units[b, layout.n_agents + enemy]
            dx, dy = other.x - unit.x, other.y - unit.y
            near = dx * dx + dy * dy <= SHOOT_RANGE * SHOOT_RANGE
            available[agent, b, ACTIONS_BEFORE_ATTACKS + enemy] = near and other.health > 0.0


@kernel
def write_observations(
    layout: Layout, kinds: Records, units: Records, b: int, steps: int, available: Bools, observations: Floats
) -> None:
    """Write observations[agents, b, obs_dim] (get_obs_agent); available[agents, b, n_actions] is already written.

    steps: environment steps taken so far.
    """
    for agent in range(layout.n_agents):
        for at in range(layout.obs_dim):
            observations[agent, b, at] = 0.0
        if layout.obs_timestep:
            observations[agent, b, layout.obs_dim - 1] = steps / layout.episode_limit
        unit = units[b, agent]
        if unit.health <= 0.0:
            continue
        for direction in range(4):
            observations[agent, b, direction] = available[agent, b, NORTH + direction]
        at = 4
        for enemy in range(layout.n_enemies):
            other = units[b, layout.n_agents + enemy]
            if write_seen(layout, kinds, unit, other, layout.enemy_shields, agent, b, at, observations):
                observations[agent, b, at] = available[agent, b, ACTIONS_BEFORE_ATTACKS + enemy]
            at += layout.enemy_features
        for ally in range(layout.n_agents):
            if ally == agent:
                continue
            other = units[b, ally]
            if write_seen(layout, kinds, unit, other, layout.ally_shields, agent, b, at, observations):
                observations[agent, b, at] = 1.0
                if layout.obs_last_action and other.last_action >= 0:
                    observations[agent, b, at + layout.ally_features - layout.n_actions + other.last_action] = 1.0
            at += layout.ally_features
        write_own(layout, kinds, unit, agent, b, at, observations)


@kernel
def write_seen(
    layout: Layout, kinds: Records, unit: Unit, other: Unit, shields: bool, agent: int, b: int, at: int, observations: Floats
) -> bool:
    """Write what an agent's unit sees of another behind index `at` (left to the caller); return whether it sees it."""
    dx, dy = other.x - unit.x, other.y - unit.y
    square = dx * dx + dy * dy
    if square >= SIGHT_RANGE * SIGHT_RANGE or other.health <= 0.0:
        return False
    observations[agent, b, at + 1] = sqrt(square) / SIGHT_RANGE
    observations[agent, b, at + 2] = dx / SIGHT_RANGE
    observations[agent, b, at + 3] = dy / SIGHT_RANGE
    at += 4
    if layout.all_health:
        observations[agent, b, at] = other.health / kinds[other.kind].health_max
        at += 1
        if shields:
            observations[agent, b, at] = other.shield / kinds[other.kind].shield_max
            at += 1
    if layout.unit_type_bits > 0:
        observations[agent, b, at + other.type_slot] = 1.0
    return True


@kernel
def write_own(layout: Layout, kinds: Records, unit: Unit, agent: int, b: int, at: int, observations: Floats) -> None:
    """Write the agent's own features from index `at` on."""
    if layout.own_health:
        observations[agent, b, at] = unit.health / kinds[unit.kind].health_max
        at += 1
        if layout.ally_shields:
            observations[agent, b, at] = unit.shield / kinds[unit.kind].shield_max
            at += 1
    if layout.unit_type_bits > 0:
        observations[agent, b, at + unit.type_slot] = 1.0


@kernel
def write_state(layout: Layout, kinds: Records, units: Records, b: int, steps: int, state: Floats) -> None:
    """Write state[b, state_dim] (get_state_dict): agents, enemies, last actions, time."""
    for at in range(layout.state_dim):
        state[b, at] = 0.0
    at = 0
    for agent in range(layout.n_agents):
        unit = units[b, agent]
        if unit.health > 0.0:
            state[b, at] = unit.health / kinds[unit.kind].health_max
            state[b, at + 1] = max(unit.cooldown, 0.0) / kinds[unit.kind].state_cooldown
            write_place(layout, kinds, unit, layout.ally_shields, b, at + 2, state)
        at += layout.ally_attributes
    for enemy in range(layout.n_enemies):
        unit = units[b, layout.n_agents + enemy]
        if unit.health > 0.0:
            state[b, at] = unit.health / kinds[unit.kind].health_max
            write_place(layout, kinds, unit, layout.enemy_shields, b, at + 1, state)
        at += layout.enemy_attributes
    if layout.state_last_action:
        for agent in range(layout.n_agents):
            action = units[b, agent].last_action
            if action >= 0:
                state[b, at + action] = 1.0
            at += layout.n_actions
    if layout.state_timestep:
        state[b, at] = steps / layout.episode_limit


@kernel
def write_place(layout: Layout, kinds: Records, unit: Unit, shields: bool, b: int, at: int, state: Floats) -> None:
    """Write a unit's place relative to the map's centre, its shield and its type from index `at` on."""
    state[b, at] = (unit.x - layout.map_width / 2) / layout.map_width
    state[b, at + 1] = (unit.y - layout.map_height / 2) / layout.map_height
    at += 2
    if shields:
        state[b, at] = unit.shield / kinds[unit.kind].shield_max
        at += 1
    if layout.unit_type_bits > 0:
        state[b, at + unit.type_slot] = 1.0
