"""The hand-written carrier, compiled: where each agent goes, and its next action on the way.

An agent goes the shortest way that no other agent stands in; where there is none, the shortest one through the others.
An agent that carries a shelf goes around the others' shelves, which an agent without a shelf passes below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.rware.arrays import DOWN, LEFT, NONE, RIGHT, UP, Rules
from fedqmix.envs.rware.compile import inner, kernel
from fedqmix.envs.rware.layout import N_ACTIONS
from fedqmix.envs.rware.moving import FORWARD, STAY, TOGGLE, TURN_LEFT, TURN_RIGHT
from fedqmix.envs.rware.rules import LEFT_OF
from fedqmix.envs.rware.starts import below
from fedqmix.envs.rware.views import N_DIRECTIONS
from fedqmix.runtime.core.world import Bools, Floats, Integers
from fedqmix.runtime.kernels.splitmix import advance, fraction

UNKNOWN, HERE = -2, -1
"""No way to a cell was found yet; the way begins in this cell."""


class Floor(NamedTuple):
    """One warehouse, as the state describes it; cells as in arrays."""

    agents: Integers  # [agents], their cells
    carrying: Bools  # [agents]
    directions: Integers  # [agents]
    agent_at: Bools  # [cells]
    standing: Bools  # [cells], whether a shelf is here that no agent carries
    requested: Integers  # [cells], the colour of the requested shelf here, or NONE
    claimed: Bools  # [cells], whether an agent fetches the shelf here
    before: Integers  # [cells], the cell before this one on the shortest way, HERE or UNKNOWN
    line: Integers  # [cells], those to which a way was found, nearest first


@kernel
def steer(
    rules: Rules,
    floor: Floor,
    state: Floats,
    requests: int,
    draws: NDArray[np.uint64],
    explore: float,
    actions: Integers,
) -> None:
    """Choose the actions of all agents in all episodes.

    state: [episodes, state_dim], the short one. requests: the length of the request queue. draws: [episodes, agents],
    the states of the agents' random streams, advanced in place. explore: the chance of a random action.
    actions: [agents, episodes], the result.
    """
    for e in range(state.shape[0]):
        read_state(rules, floor, state[e], requests)
        for agent in range(actions.shape[0]):
            draws[e, agent] = advance(draws[e, agent])
            if fraction(draws[e, agent]) < explore:
                draws[e, agent] = advance(draws[e, agent])
                actions[agent, e] = below(draws[e, agent], N_ACTIONS)
            else:
                actions[agent, e] = (carry(rules, floor, agent) + rules.groups[agent]) % N_ACTIONS


@inner
def read_state(rules: Rules, floor: Floor, state: Floats, requests: int) -> None:
    """Read a state, [state_dim], as layout.py describes it."""
    for cell in range(rules.inside.shape[0]):
        floor.agent_at[cell] = floor.standing[cell] = floor.claimed[cell] = False
        floor.requested[cell] = NONE
    for number in range(rules.homes.shape[0]):
        floor.standing[rules.homes[number]] = True
    at = 0
    for agent in range(rules.groups.shape[0]):
        floor.agents[agent] = cell_of(rules, state, at)
        floor.agent_at[floor.agents[agent]] = True
        floor.carrying[agent] = state[at + 2] > 0
        for direction in range(N_DIRECTIONS):
            if state[at + 3 + direction] > 0:
                floor.directions[agent] = direction
        at += 3 + N_DIRECTIONS + rules.delivered_in_state
    for _ in range(requests):
        cell = cell_of(rules, state, at)
        floor.requested[cell] = 0
        for colour in range(rules.colours):
            if state[at + 2 + colour] > 0:
                floor.requested[cell] = colour
        at += 2 + rules.colours
    while at < state.shape[0]:
        if state[at] > 0:
            floor.standing[cell_of(rules, state, at + 1)] = False
        at += 3
    for agent in range(rules.groups.shape[0]):
        if floor.carrying[agent]:
            floor.standing[floor.agents[agent]] = False


@inner
def cell_of(rules: Rules, state: Floats, at: int) -> int:
    """Return the cell whose coordinates stand in a state at an index."""
    x, y = int(state[at] * rules.shares[0] + 0.5), int(state[at + 1] * rules.shares[1] + 0.5)
    return int(rules.floor[0] + y * rules.ahead[DOWN] + x)


@inner
def carry(rules: Rules, floor: Floor, agent: int) -> int:
    """Return an agent's next action, as one of colour 0; claim the shelf that it fetches."""
    target = way_to_target(rules, floor, agent, True)
    if target == NONE:
        target = way_to_target(rules, floor, agent, False)
    if target == NONE:
        return STAY
    if not floor.carrying[agent]:
        floor.claimed[target] = True
    if floor.before[target] == HERE:
        return STAY if is_wanted(rules, floor, agent) else TOGGLE
    while floor.before[floor.before[target]] != HERE:
        target = floor.before[target]
    return towards(rules, floor.directions[agent], target - floor.agents[agent])


@inner
def is_wanted(rules: Rules, floor: Floor, agent: int) -> bool:
    """Return whether an agent carries a shelf that it can deliver."""
    return bool(floor.carrying[agent] and floor.requested[floor.agents[agent]] == rules.groups[agent])


@inner
def way_to_target(rules: Rules, floor: Floor, agent: int, around: bool) -> int:
    """Find the shortest way to one of an agent's targets; return the target, or NONE.

    around: whether other agents are obstacles.
    """
    for cell in range(rules.inside.shape[0]):
        floor.before[cell] = UNKNOWN
    floor.line[0], known = floor.agents[agent], 1
    floor.before[floor.agents[agent]] = HERE
    number = 0
    while number < known:
        cell = floor.line[number]
        if is_target(rules, floor, agent, cell):
            return int(cell)
        for direction in range(N_DIRECTIONS):
            to = cell + rules.ahead[direction]
            blocked = (around and floor.agent_at[to]) or (floor.carrying[agent] and floor.standing[to])
            if rules.inside[to] and floor.before[to] == UNKNOWN and not blocked:
                floor.before[to] = cell
                floor.line[known] = to
                known += 1
        number += 1
    return NONE


@inner
def is_target(rules: Rules, floor: Floor, agent: int, cell: int) -> bool:
    """Return whether an agent wants to be in a cell, to fetch a shelf, to deliver one, or to put one back."""
    if not floor.carrying[agent]:
        return floor.standing[cell] and floor.requested[cell] == rules.groups[agent] and not floor.claimed[cell]
    if not is_wanted(rules, floor, agent):
        return not rules.highways[cell] and not floor.standing[cell]
    return bool(cell == rules.goals[0] or cell == rules.goals[1])


@inner
def towards(rules: Rules, direction: int, change: int) -> int:
    """Return the action that leads an agent to a neighbouring cell. change: of the cell's number."""
    wanted = UP
    for each in (DOWN, LEFT, RIGHT):
        if rules.ahead[each] == change:
            wanted = each
    if wanted == direction:
        return FORWARD
    return TURN_LEFT if LEFT_OF[direction] == wanted else TURN_RIGHT
