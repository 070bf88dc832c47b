"""The rules of predator-prey, compiled: starts, moves and captures.

The rules are those of `stag_hunt` in oxwhirl/wqmix (from wendelinboehmer/dcg) with the settings of its configuration
pred_prey_punish: no hares, walls and not a torus, no reward for time or collisions. Tests work episodes out by hand.

An environment step: the agents move one after another in a drawn order, each into an empty cell or not at all. Then
each prey, in a drawn order, is captured when enough agents beside it catch: the team earns 10, and those agents leave
the grid. A prey that fewer agents try to catch costs the punishment. Prey that are not captured move to one of the
empty cells beside them, or stay where there is none. An agent's catch counts for every prey beside it, until it leaves.
"""

from __future__ import annotations

import numpy as np

from fedqmix.envs.predator_prey.arrays import AGENT, CAPTURE, CATCH, COLUMN, EMPTY, PREY, ROW, Grids, Rules, Views
from fedqmix.envs.predator_prey.cells import (
    column_change,
    free_moves,
    holds,
    is_beside,
    move_to,
    nth_free_move,
    remove,
    row_change,
)
from fedqmix.envs.predator_prey.compile import inner, kernel
from fedqmix.envs.predator_prey.views import close_masks, write_masks, write_observations, write_rewards, write_state
from fedqmix.runtime.core.world import Bools, Integers
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, WorkQueue, claim, take_part
from fedqmix.runtime.kernels.splitmix import advance, begin_stream, fraction


@kernel
def play(rules: Rules, grids: Grids, actions: Integers, views: Views, queue: WorkQueue, seat: int) -> None:
    """Begin the work queue's episodes, or advance them by one environment step.

    actions: [agents, episodes], 0 <= action < 6; not read when the episodes begin.
    queue, seat: as in runtime.kernels.spinning.
    """
    while take_part(queue, seat):
        first, last = claim(queue, seat)
        while first < last:
            for e in range(first, last):
                if queue[MESSAGE] != STEPPING:
                    begin(rules, grids, views, e)
                elif views.terminated[e] or views.truncated[e]:
                    write_rewards(views, e, 0.0)
                    close_masks(views, e)
                else:
                    advance_episode(rules, grids, actions, views, e)
            first, last = claim(queue, seat)


@inner
def begin(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Begin episode e: agents and then prey on different cells, drawn uniformly."""
    cells = grids.cells[e]
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            cells[row, column] = EMPTY
    grids.streams[e] = begin_stream(grids.keys[e], 0)
    for agent in range(grids.agents.shape[1]):
        place(grids, e, grids.agents[e, agent], AGENT)
        grids.hunting[e, agent] = True
    for prey in range(grids.prey.shape[1]):
        place(grids, e, grids.prey[e, prey], PREY)
        grids.alive[e, prey] = True
    grids.steps[e] = 0
    views.terminated[e] = views.truncated[e] = False
    write_rewards(views, e, 0.0)
    write_all(rules, grids, views, e)
    write_masks(grids, views, e)


@inner
def advance_episode(rules: Rules, grids: Grids, actions: Integers, views: Views, e: int) -> None:
    """Advance episode e, which is not over, by one environment step.

    It terminates when no prey or no hunting agent is left; otherwise it is truncated at the episode limit.
    """
    move_agents(grids, actions, e)
    reward = move_prey(rules, grids, actions, e)
    grids.steps[e] += 1
    views.terminated[e] = not (any_of(grids.alive[e]) and any_of(grids.hunting[e]))
    views.truncated[e] = not views.terminated[e] and grids.steps[e] >= rules.episode_limit
    write_rewards(views, e, reward)
    write_all(rules, grids, views, e)
    if views.terminated[e]:
        close_masks(views, e)
    else:
        write_masks(grids, views, e)


@inner
def write_all(rules: Rules, grids: Grids, views: Views, e: int) -> None:
    """Write the observations and the state of episode e."""
    write_observations(rules, grids, views, e)
    write_state(grids, views, e)


@inner
def move_agents(grids: Grids, actions: Integers, e: int) -> None:
    """Move the hunting agents of episode e, in a drawn order."""
    cells = grids.cells[e]
    shuffle(grids, e, grids.agents.shape[1])
    for turn in range(grids.agents.shape[1]):
        agent = grids.order[e, turn]
        own, action = grids.agents[e, agent], actions[agent, e]
        row, column = own[ROW] + row_change(action), own[COLUMN] + column_change(action)
        if grids.hunting[e, agent] and holds(cells, row, column, EMPTY):
            move_to(cells, own, row, column, AGENT)


@inner
def move_prey(rules: Rules, grids: Grids, actions: Integers, e: int) -> float:
    """Capture or move each prey of episode e, in a drawn order; return the team reward."""
    reward, cells = 0.0, grids.cells[e]
    shuffle(grids, e, grids.prey.shape[1])
    for turn in range(grids.prey.shape[1]):
        prey = grids.order[e, turn]
        own = grids.prey[e, prey]
        if not grids.alive[e, prey]:
            continue
        catching = count_catching(grids, actions, e, own)
        if catching >= rules.catchers:
            reward += CAPTURE
            grids.alive[e, prey] = False
            remove(cells, own)
            release(grids, actions, e, own)
            continue
        if catching > 0:
            reward += rules.punishment
        free = free_moves(cells, own[ROW], own[COLUMN])
        if free > 0:
            move = nth_free_move(cells, own[ROW], own[COLUMN], draw_below(grids, e, free))
            move_to(cells, own, own[ROW] + row_change(move), own[COLUMN] + column_change(move), PREY)
    return reward


@inner
def count_catching(grids: Grids, actions: Integers, e: int, prey: Integers) -> int:
    """Return how many hunting agents beside a prey of episode e catch."""
    count = 0
    for agent in range(grids.agents.shape[1]):
        if grids.hunting[e, agent] and actions[agent, e] == CATCH and is_beside(grids.agents[e, agent], prey):
            count += 1
    return count


@inner
def release(grids: Grids, actions: Integers, e: int, prey: Integers) -> None:
    """Take the agents that caught a prey out of the grid of episode e."""
    for agent in range(grids.agents.shape[1]):
        own = grids.agents[e, agent]
        if grids.hunting[e, agent] and actions[agent, e] == CATCH and is_beside(own, prey):
            grids.hunting[e, agent] = False
            remove(grids.cells[e], own)


@inner
def place(grids: Grids, e: int, own: Integers, what: int) -> None:
    """Place an agent or a prey on an empty cell of episode e."""
    cells, placed = grids.cells[e], False
    while not placed:
        own[ROW] = draw_below(grids, e, cells.shape[0])
        own[COLUMN] = draw_below(grids, e, cells.shape[1])
        placed = cells[own[ROW], own[COLUMN]] == EMPTY
    cells[own[ROW], own[COLUMN]] = what


@inner
def shuffle(grids: Grids, e: int, count: int) -> None:
    """Draw the order of `count` agents or prey (Fisher and Yates)."""
    order = grids.order[e]
    for turn in range(count):
        order[turn] = turn
    for turn in range(count - 1, 0, -1):
        other = draw_below(grids, e, turn + 1)
        order[turn], order[other] = order[other], order[turn]


@inner
def draw_below(grids: Grids, e: int, count: int) -> int:
    """Return a whole number from 0 to count - 1, from the stream of episode e."""
    state: np.uint64 = advance(grids.streams[e])
    grids.streams[e] = state
    return int(fraction(state) * count)


@inner
def any_of(flags: Bools) -> bool:
    """Return whether one of the flags is True."""
    found = False
    for number in range(flags.shape[0]):
        found = found or flags[number]
    return found
