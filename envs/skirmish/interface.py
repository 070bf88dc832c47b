"""SMAC's and SMACv2's interface: masks, observations and the global state, from the units alone.

Every function reads battle b of units [battles, units] and writes into arrays of the caller. The formulas are those
of SMAC's StarCraft2Env (each function names the method), quirks included, and of SMACv2's in its scenarios. Masks and
observations are written together, agent by agent, since both need the distances to all units.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp as index

from fedqmix.envs.skirmish.arrays import UNARMED, Records
from fedqmix.envs.skirmish.compile import inline, inner
from fedqmix.envs.skirmish.gathered import (
    DISTANCE,
    HEALTH,
    NEAR,
    NONE,
    ONE,
    SEEN,
    SEEN_HEALTH,
    SEEN_SHIELD,
    SHIELD,
    SLOT,
    TO_X,
    TO_Y,
    X,
    Y,
    gather,
)
from fedqmix.envs.skirmish.layout import Layout
from fedqmix.envs.skirmish.outlook import is_walkable, write_heights, write_pathing
from fedqmix.envs.skirmish.smacv2.sight import agent_in_turn, begin_claims, claim, see, write_facing
from fedqmix.envs.skirmish.smacv2.vision import ACTIONS_BEFORE_TURNS
from fedqmix.envs.skirmish.state import write_state
from fedqmix.runtime.core.world import Bools, Floats

NO_OP, STOP, NORTH, SOUTH, EAST, WEST = 0, 1, 2, 3, 4, 5
MOVE_PROBE = 1.0  # cells that can_move looks ahead: half of SMAC's move_amount


@inline
def write_views(
    layout: Layout,
    kinds: Records,
    walkable: Bools,
    height: Floats,
    units: Records,
    b: int,
    steps: int,
    scratch: Floats,
    available: Bools,
    observations: Floats,
    state: Floats,
) -> None:
    """Write the masks, the observations and the state of battle b.

    kinds: [kinds]. walkable, height: [x, y]. steps: environment steps taken so far.
    scratch: [SCRATCH_LENGTH], overwritten.
    available: [agents, battles, n_actions], observations: [agents, battles, obs_dim], state: [battles, state_dim].
    """
    gather(kinds, units, b, scratch)
    begin_claims(layout.vision.limits, layout.n_agents, units, b, scratch)
    for turn in range(layout.n_agents):
        agent = agent_in_turn(layout.vision.limits, turn, scratch)
        if units[b, agent].health <= 0.0:
            write_dead(layout, agent, b, available, observations)
        else:
            write_alive(layout, kinds, walkable, height, units, agent, b, scratch, available, observations)
        if layout.obs_timestep:
            if not layout.smacv2:
                observations[agent, b, layout.obs_dim - 2] = 0.0
            observations[agent, b, layout.obs_dim - 1] = steps / layout.episode_limit
    write_state(layout, kinds, units, b, steps, scratch, observations, state)


@inner
def write_dead(layout: Layout, agent: int, b: int, available: Bools, observations: Floats) -> None:
    """Write a dead agent's mask, only the no-op, and its observation, only 0."""
    available[agent, b, NO_OP] = True
    for action in range(STOP, layout.n_actions):
        available[agent, b, index(action)] = False
    for at in range(layout.obs_dim):
        observations[agent, b, index(at)] = 0.0


@inner
def write_alive(
    layout: Layout,
    kinds: Records,
    walkable: Bools,
    height: Floats,
    units: Records,
    agent: int,
    b: int,
    scratch: Floats,
    available: Bools,
    observations: Floats,
) -> None:
    """Write a living agent's mask and observation (get_avail_agent_actions, get_obs_agent)."""
    vision = layout.vision
    x, y = scratch[index(X + agent)], scratch[index(Y + agent)]
    write_moves(walkable, x, y, agent, b, available, observations)
    for turn in range(ACTIONS_BEFORE_TURNS, vision.first_target):
        available[agent, b, index(turn)] = True
    at = 4
    if layout.obs_pathing_grid:
        at = write_pathing(walkable, x, y, agent, b, at, observations)
    if layout.obs_terrain_height:
        at = write_heights(height, x, y, agent, b, at, observations)
    see(vision, vision.limits, units, agent, b, scratch)
    heals = layout.medivacs and kinds[units[b, agent].kind].weapon == UNARMED
    if heals:
        write_patients(layout, kinds, units, agent, b, scratch, available)
    else:
        write_targets(layout, agent, b, scratch, available)
    claim(vision, vision.limits, layout.n_agents, units, agent, b, scratch)
    for enemy in range(layout.n_enemies):
        u, first = layout.n_agents + enemy, available[agent, b, index(vision.first_target + enemy)]
        write_seen(layout, layout.enemy_shields, u, np.float32(first), agent, b, at, scratch, observations)
        at += layout.enemy_features
    for ally in range(layout.n_agents):
        if ally == agent:
            continue
        write_seen(layout, layout.ally_shields, ally, ONE, agent, b, at, scratch, observations)
        at += layout.ally_features
        if layout.obs_last_action:
            write_last_action(layout, units, ally, agent, b, at - layout.n_actions, scratch, observations)
    write_own(layout, units, agent, b, at, scratch, observations)
    if not vision.action_mask:
        open_mask(layout, kinds, units, heals, agent, b, available)


@inner
def write_moves(
    walkable: Bools, x: float, y: float, agent: int, b: int, available: Bools, observations: Floats
) -> None:
    """Write the mask of the actions before the attacks, and the observation's move features."""
    available[agent, b, NO_OP] = False
    available[agent, b, STOP] = True
    north, south = is_walkable(walkable, x, y + MOVE_PROBE), is_walkable(walkable, x, y - MOVE_PROBE)
    east, west = is_walkable(walkable, x + MOVE_PROBE, y), is_walkable(walkable, x - MOVE_PROBE, y)
    available[agent, b, NORTH], available[agent, b, SOUTH] = north, south
    available[agent, b, EAST], available[agent, b, WEST] = east, west
    observations[agent, b, 0], observations[agent, b, 1] = north, south
    observations[agent, b, 2], observations[agent, b, 3] = east, west


@inner
def write_targets(layout: Layout, agent: int, b: int, scratch: Floats, available: Bools) -> None:
    """Write the mask of an agent's attacks."""
    for enemy in range(layout.n_enemies):
        near = scratch[index(NEAR + layout.n_agents + enemy)] > 0
        available[agent, b, index(layout.vision.first_target + enemy)] = near
    for action in range(layout.vision.first_target + layout.n_enemies, layout.n_actions):
        available[agent, b, index(action)] = False  # of a healer where agents outnumber the enemies


@inner
def write_patients(
    layout: Layout, kinds: Records, units: Records, agent: int, b: int, scratch: Floats, available: Bools
) -> None:
    """Write the mask of a medivac's targets: near living allies, hurt or not, except medivacs."""
    for action in range(layout.vision.first_target, layout.n_actions):
        other = action - layout.vision.first_patient
        near = 0 <= other < layout.n_agents and scratch[index(NEAR + other)] > 0
        armed = near and kinds[units[b, other].kind].weapon != UNARMED
        available[agent, b, index(action)] = armed


@inner
def open_mask(
    layout: Layout, kinds: Records, units: Records, heals: bool, agent: int, b: int, available: Bools
) -> None:
    """Make all living targets available, in range or not (get_avail_agent_actions with action_mask off)."""
    for action in range(layout.vision.first_target, layout.n_actions):
        target = action - layout.vision.first_target
        valid = target < (layout.n_agents if heals else layout.n_enemies)
        if valid:
            other = units[b, target if heals else layout.n_agents + target]
            valid = other.health > 0.0 and not (heals and kinds[other.kind].weapon == UNARMED)
        available[agent, b, index(action)] = valid


@inner
def write_seen(
    layout: Layout,
    shields: bool,
    u: int,
    first: np.float32,
    agent: int,
    b: int,
    at: int,
    scratch: Floats,
    observations: Floats,
) -> None:
    """Write an agent's view of unit u from index `at` on, all 0 if unseen.

    first: the view's first feature, 1 or 0.
    """
    seen = scratch[index(SEEN + u)]
    observations[agent, b, index(at)] = seen * first
    observations[agent, b, index(at + 1)] = scratch[index(DISTANCE + u)]
    observations[agent, b, index(at + 2)] = scratch[index(TO_X + u)]
    observations[agent, b, index(at + 3)] = scratch[index(TO_Y + u)]
    at += 4
    if layout.all_health:
        observations[agent, b, index(at)] = scratch[index(SEEN_HEALTH + u)]
        at += 1
        if shields:
            observations[agent, b, index(at)] = scratch[index(SEEN_SHIELD + u)]
            at += 1
    if layout.unit_type_bits > 0:
        slot = scratch[index(SLOT + u)]
        for bit in range(layout.unit_type_bits):
            observations[agent, b, index(at + bit)] = seen if np.float32(bit) == slot else NONE


@inner
def write_last_action(
    layout: Layout, units: Records, u: int, agent: int, b: int, at: int, scratch: Floats, observations: Floats
) -> None:
    """Write another agent's last action, one-hot, from index `at` on; 0 if unseen or missing."""
    for action in range(layout.n_actions):
        observations[agent, b, index(at + action)] = NONE
    taken = units[b, u].last_action
    if taken >= 0:
        observations[agent, b, index(at + taken)] = scratch[index(SEEN + u)]


@inner
def write_own(
    layout: Layout, units: Records, agent: int, b: int, at: int, scratch: Floats, observations: Floats
) -> None:
    """Write the agent's own features from index `at` on."""
    if layout.own_health:
        observations[agent, b, index(at)] = scratch[index(HEALTH + agent)]
        at += 1
        if layout.ally_shields:
            observations[agent, b, index(at)] = scratch[index(SHIELD + agent)]
            at += 1
    if layout.smacv2:
        observations[agent, b, index(at)] = scratch[index(X + agent)] / layout.map_width
        observations[agent, b, index(at + 1)] = scratch[index(Y + agent)] / layout.map_height
        at += 2
        at = write_facing(layout.vision.limits, units[b, agent].facing, at, observations[agent, b])
    if layout.unit_type_bits > 0:
        slot = scratch[index(SLOT + agent)]
        for bit in range(layout.unit_type_bits):
            observations[agent, b, index(at + bit)] = np.float32(bit) == slot
