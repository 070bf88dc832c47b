"""The rules of the multi-robot warehouse, compiled: one environment step, and what it earns.

They are those of the package rware 2.0.0 (Papoudakis et al. 2021, arXiv 2006.07869) and, with colours, of C-RWARE
(Christianos et al. 2021, arXiv 2102.07475).
"""

from __future__ import annotations

from fedqmix.envs.rware.arrays import DOWN, LEFT, NONE, RIGHT, UP, Rules, Views, Warehouses
from fedqmix.envs.rware.compile import inner, kernel
from fedqmix.envs.rware.layout import N_ACTIONS
from fedqmix.envs.rware.moving import TOGGLE, TURN_LEFT, TURN_RIGHT, decide_moves
from fedqmix.envs.rware.options import GLOBAL, REWARDS, TWO_STAGE
from fedqmix.envs.rware.starts import begin_episode, below
from fedqmix.envs.rware.views import write_observations, write_state
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.episodes import STEPPING
from fedqmix.runtime.kernels.spinning import MESSAGE, WorkQueue, claim, take_part
from fedqmix.runtime.kernels.splitmix import advance

LEFT_OF = (LEFT, RIGHT, DOWN, UP)
"""The direction after a turn to the left, by direction."""
RIGHT_OF = (RIGHT, LEFT, UP, DOWN)
TO_ALL, IN_STAGES = REWARDS.index(GLOBAL), REWARDS.index(TWO_STAGE)
STAGE = 0.5  # the reward of each of two stages


@kernel
def play(rules: Rules, warehouses: Warehouses, actions: Integers, views: Views, queue: WorkQueue, seat: int) -> None:
    """Begin the work queue's episodes, or advance them by one environment step.

    actions: [agents, episodes], 0 <= action < 5; not read when the episodes begin.
    queue, seat: as in runtime.kernels.spinning.
    """
    while take_part(queue, seat):
        first, last = claim(queue, seat)
        while first < last:
            for e in range(first, last):
                for agent in range(actions.shape[0]):
                    views.individual_rewards[agent, e] = 0.0
                if queue[MESSAGE] == STEPPING:
                    read_actions(rules, warehouses, actions, e)
                    decide_moves(rules, warehouses, e)
                    move(warehouses, e)
                    turn_and_load(rules, warehouses, views, e)
                    deliver(rules, warehouses, views, e)
                else:
                    begin_episode(rules, warehouses, e)
                add_rewards(views, e)
                write_observations(rules, warehouses, views, e)
                write_state(rules, warehouses, views, e)
            first, last = claim(queue, seat)


@inner
def read_actions(rules: Rules, warehouses: Warehouses, actions: Integers, e: int) -> None:
    """Write the agents' actions as those of colour 0: an agent of colour c that takes a means a - c, modulo 5."""
    for agent in range(actions.shape[0]):
        warehouses.acts[e, agent] = (actions[agent, e] + N_ACTIONS - rules.groups[agent]) % N_ACTIONS


@inner
def move(warehouses: Warehouses, e: int) -> None:
    """Move the agents of episode e for which that was decided, with the shelves that they carry, all at once."""
    n_agents = warehouses.cells.shape[1]
    for agent in range(n_agents):
        if warehouses.moves[e, agent]:
            cell = warehouses.cells[e, agent]
            warehouses.agent_at[e, cell] = NONE
            if warehouses.carried[e, agent] != NONE:
                warehouses.shelf_at[e, cell] = NONE
    for agent in range(n_agents):
        if warehouses.moves[e, agent]:
            cell, shelf = warehouses.wanted[e, agent], warehouses.carried[e, agent]
            warehouses.cells[e, agent] = cell
            warehouses.agent_at[e, cell] = agent
            if shelf != NONE:
                warehouses.shelf_cells[e, shelf] = cell
                warehouses.shelf_at[e, cell] = shelf


@inner
def turn_and_load(rules: Rules, warehouses: Warehouses, views: Views, e: int) -> None:
    """Turn the agents of episode e that turn; load or unload those that toggle."""
    for agent in range(rules.groups.shape[0]):
        act = warehouses.acts[e, agent]
        if act == TURN_LEFT:
            warehouses.directions[e, agent] = LEFT_OF[warehouses.directions[e, agent]]
        elif act == TURN_RIGHT:
            warehouses.directions[e, agent] = RIGHT_OF[warehouses.directions[e, agent]]
        elif act == TOGGLE:
            cell = warehouses.cells[e, agent]
            if warehouses.carried[e, agent] == NONE:
                warehouses.carried[e, agent] = warehouses.shelf_at[e, cell]
            elif not rules.highways[cell]:
                warehouses.carried[e, agent] = NONE
                if warehouses.delivered[e, agent] and rules.reward == IN_STAGES:
                    views.individual_rewards[agent, e] += STAGE
                warehouses.delivered[e, agent] = False


@inner
def deliver(rules: Rules, warehouses: Warehouses, views: Views, e: int) -> None:
    """Reward the requested shelves that are on a goal of episode e, and request others in their places.

    With colours a shelf that an agent of another colour carries stays requested.
    """
    for number in range(rules.goals.shape[0]):
        goal = rules.goals[number]
        shelf, agent = warehouses.shelf_at[e, goal], warehouses.agent_at[e, goal]
        if shelf == NONE or not warehouses.requested[e, shelf]:
            continue
        if warehouses.shelf_colours[e, shelf] != rules.groups[agent] and rules.colours > 0:
            continue
        request_another(warehouses, e, shelf)
        warehouses.delivered[e, agent] = True
        if rules.reward == TO_ALL:
            for each in range(rules.groups.shape[0]):
                views.individual_rewards[each, e] += 1.0
        else:
            views.individual_rewards[agent, e] += STAGE if rules.reward == IN_STAGES else 1.0


@inner
def request_another(warehouses: Warehouses, e: int, delivered: int) -> None:
    """Request a uniform one of the shelves outside the queue, in the place of a delivered one."""
    requests, requested = warehouses.requests, warehouses.requested
    warehouses.draws[e] = advance(warehouses.draws[e])
    left = below(warehouses.draws[e], requested.shape[1] - requests.shape[1])
    shelf = 0
    while requested[e, shelf] or left > 0:
        left -= not requested[e, shelf]
        shelf += 1
    for number in range(requests.shape[1]):
        if requests[e, number] == delivered:
            requests[e, number] = shelf
    requested[e, delivered], requested[e, shelf] = False, True


@inner
def add_rewards(views: Views, e: int) -> None:
    """Write the team reward of episode e: the sum of the agents' own."""
    team = 0.0
    for agent in range(views.individual_rewards.shape[0]):
        team += views.individual_rewards[agent, e]
    views.team_reward[e] = team
