"""Agents that move together, compiled: which of those that want to go forward do so.

Every agent wants a cell: the one ahead, or its own. An agent that carries a shelf stays where the cell ahead holds a
shelf, unless another agent carries that one. The agents that want each other's cells form groups, and of each group
move

- where some agent stays: none;
- where the agents' cells form a cycle: those of the cycle, if they are three or more; two cannot swap;
- else, where the group leads into a free cell: the longest queue into it. Of equally long ones the queue goes on with
  the agent of the lowest number, seen from the free cell backwards.

This is the rule of the package rware 2.0.0, which takes cycles and longest paths of a directed graph of cells. It
breaks ties by the order of that graph's nodes.
"""

from __future__ import annotations

from fedqmix.envs.rware.arrays import NONE, Rules, Warehouses
from fedqmix.envs.rware.compile import inner

STAY, FORWARD, TURN_LEFT, TURN_RIGHT, TOGGLE = range(5)
"""The actions of agents of colour 0."""


@inner
def decide_moves(rules: Rules, warehouses: Warehouses, e: int) -> None:
    """Write which agents of episode e move into the cells that they want."""
    moves, n_agents = warehouses.moves, rules.groups.shape[0]
    forward = 0
    for agent in range(n_agents):
        warehouses.wanted[e, agent] = wanted_cell(rules, warehouses, e, agent)
        warehouses.behind[e, agent] = 0
        moves[e, agent] = False
        forward += warehouses.wanted[e, agent] != warehouses.cells[e, agent]
    if forward == 0:
        return
    for agent in range(n_agents):
        if warehouses.wanted[e, agent] != warehouses.cells[e, agent]:
            moves[e, agent] = look_ahead(warehouses, e, agent)
    for agent in range(n_agents):
        wanted = warehouses.wanted[e, agent]
        free = wanted != warehouses.cells[e, agent] and warehouses.agent_at[e, wanted] == NONE
        if free and next_into(warehouses, e, wanted) == agent:
            move_queue(warehouses, e, agent)


@inner
def wanted_cell(rules: Rules, warehouses: Warehouses, e: int, agent: int) -> int:
    """Return the cell that an agent wants to be in."""
    cell: int = warehouses.cells[e, agent]
    if warehouses.acts[e, agent] != FORWARD:
        return cell
    ahead: int = cell + rules.ahead[warehouses.directions[e, agent]]
    if not rules.inside[ahead]:
        return cell
    if warehouses.carried[e, agent] != NONE and warehouses.shelf_at[e, ahead] != NONE:
        other = warehouses.agent_at[e, ahead]
        if other == NONE or warehouses.carried[e, other] == NONE:
            return cell
    return ahead


@inner
def look_ahead(warehouses: Warehouses, e: int, agent: int) -> bool:
    """Count an agent as behind those ahead of it; return whether it is in a cycle of three or more.

    behind[e, a] becomes the number of agents in the longest queue behind agent a, unless a cycle leads to a.
    """
    length, at = 1, agent
    while length <= warehouses.wanted.shape[1]:
        other = warehouses.agent_at[e, warehouses.wanted[e, at]]
        if other == NONE or warehouses.wanted[e, other] == warehouses.cells[e, other]:
            return False
        if other == agent:
            return length > 2
        warehouses.behind[e, other] = max(warehouses.behind[e, other], length)
        length, at = length + 1, other
    return False  # a cycle without this agent is ahead


@inner
def next_into(warehouses: Warehouses, e: int, cell: int) -> int:
    """Return the agent that goes into a cell first: the one with the longest queue, of those the lowest number.

    NONE if no other agent wants the cell.
    """
    found = NONE
    for agent in range(warehouses.wanted.shape[1]):
        wants = warehouses.wanted[e, agent] == cell and warehouses.cells[e, agent] != cell
        if wants and (found == NONE or warehouses.behind[e, agent] > warehouses.behind[e, found]):
            found = agent
    return found


@inner
def move_queue(warehouses: Warehouses, e: int, first: int) -> None:
    """Move an agent and, one after another, those of the longest queue behind it."""
    agent = first
    while agent != NONE:
        warehouses.moves[e, agent] = True
        agent = next_into(warehouses, e, warehouses.cells[e, agent])
