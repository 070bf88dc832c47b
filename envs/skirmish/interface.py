"""SMAC's interface: what agents may do, what they see, and the global state, from the state of the units alone.

Every function reads one battle's row `b` of arrays [battles, units] and writes into arrays the caller gives. The
formulas are those of SMAC's StarCraft2Env (the method is named at each function), quirks included.
"""

from __future__ import annotations

from math import sqrt

from contracts.world import Bools, Floats, Integers
from envs.skirmish.arrays import Doubles, Stats
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
    return (0 <= column < walkable.shape[0]) and (0 <= row < walkable.shape[1]) and walkable[column, row]


@kernel
def write_available(
    layout: Layout, walkable: Bools, b: int, x: Doubles, y: Doubles, health: Doubles, available: Bools
) -> None:
    """Write available[agents, b, n_actions] (get_avail_agent_actions)."""
    for agent in range(layout.n_agents):
        row = available[agent, b]
        row[:] = False
        if health[b, agent] <= 0.0:
            row[NO_OP] = True
            continue
        own_x, own_y = x[b, agent], y[b, agent]
        row[STOP] = True
        row[NORTH] = is_walkable(walkable, own_x, own_y + MOVE_PROBE)
        row[SOUTH] = is_walkable(walkable, own_x, own_y - MOVE_PROBE)
        row[EAST] = is_walkable(walkable, own_x + MOVE_PROBE, own_y)
        row[WEST] = is_walkable(walkable, own_x - MOVE_PROBE, own_y)
        for enemy in range(layout.n_enemies):
            unit = layout.n_agents + enemy
            if health[b, unit] > 0.0:
                dx, dy = x[b, unit] - own_x, y[b, unit] - own_y
                row[ACTIONS_BEFORE_ATTACKS + enemy] = sqrt(dx * dx + dy * dy) <= SHOOT_RANGE


@kernel
def write_observations(
    layout: Layout,
    stats: Stats,
    b: int,
    x: Doubles,
    y: Doubles,
    health: Doubles,
    shield: Doubles,
    last_action: Integers,
    steps: int,
    available: Bools,
    observations: Floats,
) -> None:
    """Write observations[agents, b, obs_dim] (get_obs_agent); available[agents, b, n_actions] is already written."""
    for agent in range(layout.n_agents):
        row = observations[agent, b]
        row[:] = 0.0
        if layout.obs_timestep:
            row[layout.obs_dim - 1] = steps / layout.episode_limit
        if health[b, agent] <= 0.0:
            continue
        for direction in range(4):
            row[direction] = available[agent, b, NORTH + direction]
        at = 4
        for enemy in range(layout.n_enemies):
            unit = layout.n_agents + enemy
            next_at = _write_seen(
                layout, stats, b, agent, unit, x, y, health, shield, row, at, layout.enemy_shields
            )
            if next_at > 0:
                row[at] = available[agent, b, ACTIONS_BEFORE_ATTACKS + enemy]
            at += layout.enemy_features
        for other in range(layout.n_agents):
            if other == agent:
                continue
            next_at = _write_seen(
                layout, stats, b, agent, other, x, y, health, shield, row, at, layout.ally_shields
            )
            if next_at > 0:
                row[at] = 1.0
                if layout.obs_last_action and last_action[b, other] >= 0:
                    row[next_at + last_action[b, other]] = 1.0
            at += layout.ally_features
        if layout.own_health:
            row[at] = health[b, agent] / stats.health_max[agent]
            at += 1
            if layout.ally_shields:
                row[at] = shield[b, agent] / stats.shield_max[agent]
                at += 1
        if layout.unit_type_bits > 0:
            row[at + stats.type_slot[agent]] = 1.0


@kernel
def _write_seen(
    layout: Layout,
    stats: Stats,
    b: int,
    agent: int,
    unit: int,
    x: Doubles,
    y: Doubles,
    health: Doubles,
    shield: Doubles,
    row: Floats,
    at: int,
    shields: bool,
) -> int:
    """Write what an agent sees of a unit from row[at + 1] on; return where its block goes on, or -1 if unseen."""
    if health[b, unit] <= 0.0:
        return -1
    dx, dy = x[b, unit] - x[b, agent], y[b, unit] - y[b, agent]
    distance = sqrt(dx * dx + dy * dy)
    if distance >= SIGHT_RANGE:
        return -1
    row[at + 1] = distance / SIGHT_RANGE
    row[at + 2] = dx / SIGHT_RANGE
    row[at + 3] = dy / SIGHT_RANGE
    at += 4
    if layout.all_health:
        row[at] = health[b, unit] / stats.health_max[unit]
        at += 1
        if shields:
            row[at] = shield[b, unit] / stats.shield_max[unit]
            at += 1
    if layout.unit_type_bits > 0:
        row[at + stats.type_slot[unit]] = 1.0
        at += layout.unit_type_bits
    return at


@kernel
def write_state(
    layout: Layout,
    stats: Stats,
    b: int,
    x: Doubles,
    y: Doubles,
    health: Doubles,
    shield: Doubles,
    cooldown: Doubles,
    last_action: Integers,
    steps: int,
    state: Floats,
) -> None:
    """Write state[b, state_dim] (get_state_dict): agents, enemies, last actions, time."""
    row = state[b]
    row[:] = 0.0
    width, height = float(layout.map_width), float(layout.map_height)
    at = 0
    for unit in range(layout.n_agents + layout.n_enemies):
        ally = unit < layout.n_agents
        size = layout.ally_attributes if ally else layout.enemy_attributes
        if health[b, unit] > 0.0:
            to = at
            row[to] = health[b, unit] / stats.health_max[unit]
            to += 1
            if ally:
                row[to] = max(cooldown[b, unit], 0.0) / stats.state_cooldown[unit]
                to += 1
            row[to] = (x[b, unit] - width / 2) / width
            row[to + 1] = (y[b, unit] - height / 2) / height
            if (ally and layout.ally_shields) or (not ally and layout.enemy_shields):
                row[to + 2] = shield[b, unit] / stats.shield_max[unit]
            if layout.unit_type_bits > 0:
                row[at + size - layout.unit_type_bits + stats.type_slot[unit]] = 1.0
        at += size
    if layout.state_last_action:
        for agent in range(layout.n_agents):
            if last_action[b, agent] >= 0:
                row[at + last_action[b, agent]] = 1.0
            at += layout.n_actions
    if layout.state_timestep:
        row[at] = steps / layout.episode_limit
