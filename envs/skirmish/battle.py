"""One environment step of a range of battles: orders, game loops, rewards, and what everybody sees afterwards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.world import Bools, Floats, Integers
from envs.skirmish.arrays import Records
from envs.skirmish.combat import deal_damage, decide
from envs.skirmish.compile import kernel
from envs.skirmish.interface import NO_OP, write_available, write_observations, write_state
from envs.skirmish.layout import Layout
from envs.skirmish.movement import move
from envs.skirmish.orders import give_order
from envs.skirmish.randomness import draw
from envs.skirmish.rewards import ONGOING, WON, RewardRules, outcome, write_rewards
from envs.skirmish.rules import Rules


class Views(NamedTuple):
    """The arrays of a Turn and a TeamTurn, where the kernels write."""

    observations: Floats
    available: Bools
    state: Floats
    individual_rewards: Floats
    team_reward: Floats
    terminated: Bools
    truncated: Bools
    won: Bools


@kernel
def begin_battles(
    layout: Layout,
    walkable: Bools,
    template: Records,
    units: Records,
    battles: Records,
    views: Views,
    first: int,
    last: int,
) -> None:
    """Set up battles first .. last - 1 from template [units]; battles.random already holds their keys."""
    for b in range(first, last):
        battle = battles[b]
        battle.steps = 0
        battle.over = False
        battle.crowded = True  # looked at once, for maps whose spawn points are close together
        for u in range(template.shape[0]):
            units[b, u] = template[u]
            units[b, u].side_step = 1.0 if draw(battle) < 0.5 else -1.0
        write_available(layout, walkable, units, b, views.available)
        write_observations(layout, units, b, battle.steps, views.available, views.observations)
        write_state(layout, units, b, battle.steps, views.state)
        for agent in range(layout.n_agents):
            views.individual_rewards[agent, b] = 0.0
        views.team_reward[b] = 0.0
        views.terminated[b] = views.truncated[b] = views.won[b] = False


@kernel
def step_battles(
    layout: Layout,
    rules: Rules,
    reward_rules: RewardRules,
    walkable: Bools,
    units: Records,
    battles: Records,
    hits: Bools,
    actions: Integers,
    views: Views,
    scratch: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """Let battles first .. last - 1 take one environment step; actions [agents, battles] are available ones.

    hits: [battles, agents, enemies] and scratch [4, units] are written over; ranges that run at the same time need
    scratch of their own.
    """
    n_agents = layout.n_agents
    available, observations, state = views.available, views.observations, views.state
    individual_rewards, team_reward = views.individual_rewards, views.team_reward
    for b in range(first, last):
        battle = battles[b]
        if battle.over:
            stay_over(n_agents, b, available, individual_rewards, team_reward)
            continue
        for u in range(units.shape[1]):
            units[b, u].worth_before = units[b, u].health + units[b, u].shield
        for agent in range(n_agents):
            for enemy in range(hits.shape[2]):
                hits[b, agent, enemy] = False
            give_order(units[b, agent], n_agents, actions[agent, b])
        for _ in range(rules.loops):
            walking, striking = decide(rules, units, battle, n_agents, b, scratch)
            if walking or battle.crowded:
                move(walkable, units, battle, b, scratch)
            if striking:
                deal_damage(rules, units, hits, n_agents, b)
        battle.steps += 1
        standing = outcome(units, n_agents, b)
        ended = standing != ONGOING
        cut_off = not ended and battle.steps >= layout.episode_limit
        battle.over = ended or cut_off
        views.terminated[b], views.truncated[b], views.won[b] = ended, cut_off, standing == WON
        write_rewards(reward_rules, units, hits, n_agents, b, standing, scratch, team_reward, individual_rewards)
        write_available(layout, walkable, units, b, available)
        write_observations(layout, units, b, battle.steps, available, observations)
        write_state(layout, units, b, battle.steps, state)
        if ended:
            leave_no_op(n_agents, b, available)


@kernel
def stay_over(n_agents: int, b: int, available: Bools, individual_rewards: Floats, team_reward: Floats) -> None:
    """Pay nothing and allow nothing in a battle that is over."""
    team_reward[b] = 0.0
    for agent in range(n_agents):
        individual_rewards[agent, b] = 0.0
    leave_no_op(n_agents, b, available)


@kernel
def leave_no_op(n_agents: int, b: int, available: Bools) -> None:
    """Leave the no-op as the agents' only available action."""
    for agent in range(n_agents):
        available[agent, b, NO_OP] = True
        for action in range(NO_OP + 1, available.shape[2]):
            available[agent, b, action] = False


@kernel
def first_forbidden(actions: Integers, available: Bools, battles: Records) -> tuple[int, int]:
    """Return (agent, battle) of the first action that is out of range or not available, else (-1, -1).

    Agents of battles that are over may always take the no-op.
    """
    for agent in range(actions.shape[0]):
        for b in range(actions.shape[1]):
            action = actions[agent, b]
            if action == NO_OP and battles[b].over:
                continue
            if action < 0 or action >= available.shape[2] or not available[agent, b, action]:
                return agent, b
    return -1, -1
