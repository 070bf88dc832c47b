"""The team's reward by SMAC's formula, and each agent's own part of it."""

from __future__ import annotations

from typing import NamedTuple

from conf.schema import EnvConfig
from contracts.world import Bools, Floats
from envs.maps import MapRecord
from envs.skirmish.arrays import Doubles, make_stats
from envs.skirmish.compile import kernel

ONGOING, WON, LOST, BOTH_DEAD = 0, 1, 2, 3
"""How a battle stands (StarCraft2Env.update_units: None, 1, -1, 0)."""


class RewardRules(NamedTuple):
    """SMAC's reward options under its own names; rewards are multiplied by scale at the end."""

    sparse: bool
    only_positive: bool
    death_value: float
    win: float
    defeat: float
    negative_scale: float
    scale: float
    max_reward: float  # before scaling: everybody killed, battle won


def make_reward_rules(record: MapRecord, env: EnvConfig) -> RewardRules:
    """Take the reward options from the settings and work out SMAC's max_reward for a map."""
    stats = make_stats(record)
    enemies = slice(record.n_agents, None)
    pool = float((stats.health_max + stats.shield_max)[enemies].sum())
    max_reward = record.n_enemies * env.reward_death_value + env.reward_win + pool
    return RewardRules(
        sparse=bool(env.reward_sparse),
        only_positive=bool(env.reward_only_positive),
        death_value=float(env.reward_death_value),
        win=float(env.reward_win),
        defeat=float(env.reward_defeat),
        negative_scale=float(env.reward_negative_scale),
        scale=env.reward_scale_rate / max_reward if env.reward_scale else 1.0,
        max_reward=max_reward,
    )


@kernel
def outcome(n_agents: int, b: int, health: Doubles) -> int:
    """Tell how the battle stands from health[b, units] (StarCraft2Env.update_units)."""
    allies = enemies = False
    for unit in range(health.shape[1]):
        if health[b, unit] > 0.0:
            if unit < n_agents:
                allies = True
            else:
                enemies = True
    if allies and enemies:
        return ONGOING
    if allies:
        return WON
    return LOST if enemies else BOTH_DEAD


@kernel
def write_rewards(
    rules: RewardRules,
    n_agents: int,
    b: int,
    standing: int,
    before: Doubles,
    health: Doubles,
    shield: Doubles,
    hits: Bools,
    own: Doubles,
    team_reward: Floats,
    individual_rewards: Floats,
) -> None:
    """Write team_reward[b] and individual_rewards[agents, b] of one environment step.

    standing: how the battle stands after it. before: [battles, units] health + shield at the step's beginning, 0 for
    who was dead. hits: [battles, agents, enemies] whose attack landed on whom. own: [agents] scratch.

    Team (StarCraft2Env.reward_battle and step): the absolute value of the enemies' losses and deaths, or with
    only_positive off these less the agents' own, scaled. An enemy's loss and death are credited in equal parts to the
    agents who hit it in this step, the win to those who hit anybody, a defeat to all.
    """
    own[:] = 0.0
    team = 0.0
    if not rules.sparse:
        team = _credit_enemies(rules, n_agents, b, before, health, shield, hits, own)
        if rules.only_positive:
            team = abs(team)
        else:
            team += _charge_agents(rules, n_agents, b, before, health, shield, own)
    if standing == WON:
        bonus = 1.0 if rules.sparse else rules.win
        team += bonus
        _share_bonus(n_agents, b, hits, bonus, own)
    elif standing == LOST:
        bonus = -1.0 if rules.sparse else rules.defeat
        team += bonus
        own += bonus / n_agents
    team_reward[b] = team * rules.scale
    for agent in range(n_agents):
        individual_rewards[agent, b] = own[agent] * rules.scale


@kernel
def _credit_enemies(
    rules: RewardRules,
    n_agents: int,
    b: int,
    before: Doubles,
    health: Doubles,
    shield: Doubles,
    hits: Bools,
    own: Doubles,
) -> float:
    total = 0.0
    for enemy in range(hits.shape[2]):
        unit = n_agents + enemy
        if before[b, unit] <= 0.0:
            continue
        value = before[b, unit] - health[b, unit] - shield[b, unit]
        if health[b, unit] <= 0.0:
            value = before[b, unit] + rules.death_value
        total += value
        attackers = 0
        for agent in range(n_agents):
            attackers += hits[b, agent, enemy]
        for agent in range(n_agents):
            if hits[b, agent, enemy]:
                own[agent] += value / attackers
    return total


@kernel
def _charge_agents(
    rules: RewardRules, n_agents: int, b: int, before: Doubles, health: Doubles, shield: Doubles, own: Doubles
) -> float:
    total = 0.0
    for agent in range(n_agents):
        if before[b, agent] <= 0.0:
            continue
        loss = before[b, agent] - health[b, agent] - shield[b, agent]
        if health[b, agent] <= 0.0:
            loss = before[b, agent] + rules.death_value
        own[agent] -= loss * rules.negative_scale
        total -= loss * rules.negative_scale
    return total


@kernel
def _share_bonus(n_agents: int, b: int, hits: Bools, bonus: float, own: Doubles) -> None:
    attackers = 0
    for agent in range(n_agents):
        attackers += hits[b, agent].any()
    for agent in range(n_agents):
        if hits[b, agent].any():
            own[agent] += bonus / attackers
