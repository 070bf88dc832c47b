"""Observations and states, compiled; layout.py says what each number is."""

from __future__ import annotations

from fedqmix.envs.rware.arrays import NONE, UP, Rules, Views, Warehouses
from fedqmix.envs.rware.compile import inner
from fedqmix.envs.rware.layout import OWN
from fedqmix.runtime.core.world import Floats

N_DIRECTIONS = 4
N_OWN = len(OWN)


@inner
def write_observations(rules: Rules, warehouses: Warehouses, views: Views, e: int) -> None:
    """Write the observations of episode e, in the order of each agent's colour."""
    sight = rules.sensor_range
    for agent in range(rules.groups.shape[0]):
        write_own(rules, warehouses, views, e, agent)
        at = N_OWN
        cell, down = warehouses.cells[e, agent], rules.ahead[1]
        for row in range(-sight, sight + 1):
            for column in range(-sight, sight + 1):
                seen = cell + row * down + column
                if rules.colours > 0:
                    at = write_coloured_cell(rules, warehouses, views, e, agent, seen, at)
                else:
                    at = write_cell(rules, warehouses, views, e, agent, seen, at)


@inner
def write_own(rules: Rules, warehouses: Warehouses, views: Views, e: int, agent: int) -> None:
    """Write what an agent observes of itself."""
    seen, places, cell = views.observations, rules.places[rules.groups[agent]], warehouses.cells[e, agent]
    seen[agent, e, places[0]] = rules.x[cell] / rules.scale[0]
    seen[agent, e, places[1]] = rules.y[cell] / rules.scale[1]
    seen[agent, e, places[2]] = warehouses.carried[e, agent] != NONE
    for direction in range(N_DIRECTIONS):
        seen[agent, e, places[3 + direction]] = warehouses.directions[e, agent] == direction
    seen[agent, e, places[7]] = rules.highways[cell]


@inner
def write_cell(rules: Rules, warehouses: Warehouses, views: Views, e: int, agent: int, cell: int, at: int) -> int:
    """Write what an agent observes of a cell, from entry `at` on; return the entry after it.

    The direction in a cell without an agent is UP.
    """
    seen = views.observations
    other, shelf = warehouses.agent_at[e, cell], warehouses.shelf_at[e, cell]
    direction = UP if other == NONE else warehouses.directions[e, other]
    seen[agent, e, at] = other != NONE
    for each in range(N_DIRECTIONS):
        seen[agent, e, at + 1 + each] = each == direction
    seen[agent, e, at + 5] = shelf != NONE
    seen[agent, e, at + 6] = shelf != NONE and warehouses.requested[e, shelf]
    return at + 7


@inner
def write_coloured_cell(
    rules: Rules, warehouses: Warehouses, views: Views, e: int, agent: int, cell: int, at: int
) -> int:
    """Write what an agent observes of a cell in a task with colours; return the entry after it."""
    seen, places, colours = views.observations, rules.places[rules.groups[agent]], rules.colours
    shelf = warehouses.shelf_at[e, cell]
    seen[agent, e, places[at]] = warehouses.agent_at[e, cell] != NONE
    for colour in range(colours):
        seen[agent, e, places[at + 1 + colour]] = shelf != NONE and warehouses.shelf_colours[e, shelf] == colour
    seen[agent, e, places[at + 1 + colours]] = shelf != NONE and warehouses.requested[e, shelf]
    return at + 2 + colours


@inner
def write_state(rules: Rules, warehouses: Warehouses, views: Views, e: int) -> None:
    """Write the state of episode e, after its observations."""
    n_agents = rules.groups.shape[0]
    if rules.obs_instead_of_state:
        obs_dim = rules.places.shape[1]
        for agent in range(n_agents):
            for entry in range(obs_dim):
                views.state[e, agent * obs_dim + entry] = views.observations[agent, e, entry]
        return
    at = 0
    for agent in range(n_agents):
        at = write_agent(rules, warehouses, views.state, e, agent, at)
    for number in range(warehouses.requests.shape[1]):
        shelf = warehouses.requests[e, number]
        at = write_place(rules, views.state, e, warehouses.shelf_cells[e, shelf], at)
        for colour in range(rules.colours):
            views.state[e, at + colour] = warehouses.shelf_colours[e, shelf] == colour
        at += rules.colours
    write_empty_homes(rules, warehouses, views.state, e, at)


@inner
def write_agent(rules: Rules, warehouses: Warehouses, state: Floats, e: int, agent: int, at: int) -> int:
    """Write an agent's part of the state; return the entry after it."""
    at = write_place(rules, state, e, warehouses.cells[e, agent], at)
    state[e, at] = warehouses.carried[e, agent] != NONE
    for direction in range(N_DIRECTIONS):
        state[e, at + 1 + direction] = warehouses.directions[e, agent] == direction
    at += 1 + N_DIRECTIONS
    if rules.delivered_in_state:
        state[e, at] = warehouses.delivered[e, agent]
        at += 1
    return at


@inner
def write_place(rules: Rules, state: Floats, e: int, cell: int, at: int) -> int:
    """Write a cell's coordinates; return the entry after them."""
    state[e, at] = rules.x[cell] / rules.shares[0]
    state[e, at + 1] = rules.y[cell] / rules.shares[1]
    return at + 2


@inner
def write_empty_homes(rules: Rules, warehouses: Warehouses, state: Floats, e: int, at: int) -> None:
    """Write the homes that hold no shelf, row by row, and zeros up to the state's end."""
    for number in range(rules.homes.shape[0]):
        if warehouses.shelf_at[e, rules.homes[number]] == NONE:
            state[e, at] = 1.0
            at = write_place(rules, state, e, rules.homes[number], at + 1)
    for entry in range(at, state.shape[1]):
        state[e, entry] = 0.0
