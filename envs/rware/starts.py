"""How an episode begins, compiled: where the agents are, and which shelves are requested.

Every number is drawn from a stream of the episode's key, so an episode is the same in every batch.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.rware.arrays import NONE, Rules, Warehouses
from fedqmix.envs.rware.compile import inner
from fedqmix.runtime.kernels.splitmix import advance, begin_stream, fraction

AGENTS, QUEUE, COLOURS, NEW_REQUESTS = range(4)
"""The streams of an episode's key: what each draws."""


@inner
def begin_episode(rules: Rules, warehouses: Warehouses, e: int) -> None:
    """Put the shelves and the agents of episode e where they begin, and request shelves."""
    put_shelves(rules, warehouses, e)
    put_agents(rules, warehouses, e)
    request_shelves(warehouses, e)
    warehouses.draws[e] = begin_stream(warehouses.keys[e], NEW_REQUESTS)


@inner
def below(state: np.uint64, n: int) -> int:
    """Return the whole number of a stream's state, uniform in 0 .. n - 1."""
    return int(fraction(state) * n)


@inner
def put_shelves(rules: Rules, warehouses: Warehouses, e: int) -> None:
    """Put every shelf in its home, and draw its colour uniformly."""
    for cell in range(rules.inside.shape[0]):
        warehouses.agent_at[e, cell] = warehouses.shelf_at[e, cell] = NONE
    state = begin_stream(warehouses.keys[e], COLOURS)
    for shelf in range(rules.homes.shape[0]):
        warehouses.shelf_cells[e, shelf] = rules.homes[shelf]
        warehouses.shelf_at[e, rules.homes[shelf]] = shelf
        warehouses.requested[e, shelf] = False
        state = advance(state)
        warehouses.shelf_colours[e, shelf] = below(state, max(rules.colours, 1))


@inner
def put_agents(rules: Rules, warehouses: Warehouses, e: int) -> None:
    """Draw different cells uniformly, highway or not, and directions; no agent carries anything."""
    state = begin_stream(warehouses.keys[e], AGENTS)
    for agent in range(rules.groups.shape[0]):
        state = advance(state)
        cell = rules.floor[below(state, rules.floor.shape[0])]
        while warehouses.agent_at[e, cell] != NONE:
            state = advance(state)
            cell = rules.floor[below(state, rules.floor.shape[0])]
        state = advance(state)
        warehouses.directions[e, agent] = below(state, rules.ahead.shape[0])
        warehouses.cells[e, agent] = cell
        warehouses.agent_at[e, cell] = agent
        warehouses.carried[e, agent] = NONE
        warehouses.delivered[e, agent] = False


@inner
def request_shelves(warehouses: Warehouses, e: int) -> None:
    """Draw different shelves uniformly for the request queue."""
    state, shelves = begin_stream(warehouses.keys[e], QUEUE), warehouses.requested.shape[1]
    for number in range(warehouses.requests.shape[1]):
        state = advance(state)
        shelf = below(state, shelves)
        while warehouses.requested[e, shelf]:
            state = advance(state)
            shelf = below(state, shelves)
        warehouses.requests[e, number] = shelf
        warehouses.requested[e, shelf] = True
