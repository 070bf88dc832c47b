"""One environment step of a range of battles: orders, game loops, rewards, and what everybody sees afterwards."""

from __future__ import annotations

import numpy as np

from contracts.world import Bools, Floats, Integers
from envs.skirmish.arrays import ATTACK_MOVE, IDLE, NOBODY, Doubles, Ledger, Rules, Stats, Units
from envs.skirmish.combat import deal_damage, decide
from envs.skirmish.compile import kernel
from envs.skirmish.interface import NO_OP, write_available, write_observations, write_state
from envs.skirmish.layout import Layout
from envs.skirmish.movement import move
from envs.skirmish.orders import give_order
from envs.skirmish.randomness import draw
from envs.skirmish.rewards import ONGOING, WON, RewardRules, outcome, write_rewards


@kernel
def begin_battles(
    layout: Layout,
    rules: Rules,
    stats: Stats,
    units: Units,
    ledger: Ledger,
    spawn_x: Doubles,
    spawn_y: Doubles,
    observations: Floats,
    available: Bools,
    state: Floats,
    first: int,
    last: int,
) -> None:
    """Set up battles first .. last - 1; ledger.random already holds their keys."""
    for b in range(first, last):
        ledger.last_action[b] = NOBODY
        ledger.steps[b] = 0
        ledger.over[b] = False
        for u in range(units.x.shape[1]):
            units.x[b, u], units.y[b, u] = spawn_x[u], spawn_y[u]
            units.health[b, u], units.shield[b, u] = stats.health_max[u], stats.shield_max[u]
            units.cooldown[b, u] = units.windup[b, u] = units.backswing[b, u] = units.help[b, u] = 0.0
            units.attacking[b, u] = units.arrived[b, u] = False
            units.target[b, u] = NOBODY
            units.order[b, u] = IDLE if u < layout.n_agents else ATTACK_MOVE
            units.side_step[b, u] = 1.0 if draw(ledger.random, b) < 0.5 else -1.0
        _write_interface(layout, rules, stats, units, ledger, b, observations, available, state)


@kernel
def step_battles(
    layout: Layout,
    rules: Rules,
    stats: Stats,
    reward_rules: RewardRules,
    units: Units,
    ledger: Ledger,
    actions: Integers,
    observations: Floats,
    available: Bools,
    state: Floats,
    team_reward: Floats,
    individual_rewards: Floats,
    terminated: Bools,
    truncated: Bools,
    won: Bools,
    first: int,
    last: int,
) -> None:
    """Let battles first .. last - 1 take one environment step; actions [agents, battles] are available ones."""
    n_units = units.x.shape[1]
    walk_x, walk_y = np.zeros(n_units), np.zeros(n_units)
    push_x, push_y = np.zeros(n_units), np.zeros(n_units)
    strikes, living = np.zeros(n_units, np.int64), np.zeros(n_units, np.int64)
    own = np.zeros(layout.n_agents)
    for b in range(first, last):
        if ledger.over[b]:
            _stay_over(layout.n_agents, b, available, team_reward, individual_rewards)
            continue
        for u in range(n_units):
            ledger.health_before[b, u] = units.health[b, u] + units.shield[b, u]
        ledger.hits[b] = False
        for agent in range(layout.n_agents):
            ledger.last_action[b, agent] = actions[agent, b]
            give_order(units, layout.n_agents, b, agent, actions[agent, b])
        for _ in range(rules.loops):
            struck = decide(rules, stats, units, ledger.random, layout.n_agents, b, walk_x, walk_y, strikes)
            move(
                rules.walkable, stats, units, ledger.random, layout.n_agents, b, walk_x, walk_y, push_x, push_y, living
            )
            if struck:
                deal_damage(rules, stats, units, layout.n_agents, b, strikes, ledger.hits)
        ledger.steps[b] += 1
        standing = outcome(layout.n_agents, b, units.health)
        terminated[b] = standing != ONGOING
        truncated[b] = standing == ONGOING and ledger.steps[b] >= layout.episode_limit
        won[b] = standing == WON
        ledger.over[b] = terminated[b] or truncated[b]
        write_rewards(
            reward_rules,
            layout.n_agents,
            b,
            standing,
            ledger.health_before,
            units.health,
            units.shield,
            ledger.hits,
            own,
            team_reward,
            individual_rewards,
        )
        _write_interface(layout, rules, stats, units, ledger, b, observations, available, state)
        if terminated[b]:
            _only_no_op(layout.n_agents, b, available)


@kernel
def _write_interface(
    layout: Layout,
    rules: Rules,
    stats: Stats,
    units: Units,
    ledger: Ledger,
    b: int,
    observations: Floats,
    available: Bools,
    state: Floats,
) -> None:
    write_available(layout, rules.walkable, b, units.x, units.y, units.health, available)
    write_observations(
        layout,
        stats,
        b,
        units.x,
        units.y,
        units.health,
        units.shield,
        ledger.last_action,
        ledger.steps[b],
        available,
        observations,
    )
    write_state(
        layout,
        stats,
        b,
        units.x,
        units.y,
        units.health,
        units.shield,
        units.cooldown,
        ledger.last_action,
        ledger.steps[b],
        state,
    )


@kernel
def _stay_over(n_agents: int, b: int, available: Bools, team_reward: Floats, individual_rewards: Floats) -> None:
    """Pay nothing and allow nothing in a battle that is over."""
    team_reward[b] = 0.0
    for agent in range(n_agents):
        individual_rewards[agent, b] = 0.0
    if not available[0, b, NO_OP] or available[0, b, 1:].any():
        _only_no_op(n_agents, b, available)


@kernel
def _only_no_op(n_agents: int, b: int, available: Bools) -> None:
    for agent in range(n_agents):
        available[agent, b] = False
        available[agent, b, NO_OP] = True


@kernel
def first_forbidden(actions: Integers, available: Bools, over: Bools) -> tuple[int, int]:
    """Return (agent, battle) of the first action that is out of range or not available, else (-1, -1).

    Agents of battles that are over may always take the no-op.
    """
    for agent in range(actions.shape[0]):
        for b in range(actions.shape[1]):
            action = actions[agent, b]
            if over[b] and action == NO_OP:
                continue
            if action < 0 or action >= available.shape[2] or not available[agent, b, action]:
                return agent, b
    return -1, -1
