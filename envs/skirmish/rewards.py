"""The team's reward by SMAC's formula, and each agent's own part of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from conf.schema import EnvConfig
from contracts.world import Bools, Floats
from envs.maps import MapRecord
from envs.skirmish.arrays import Records
from envs.skirmish.compile import kernel
from envs.units import unit_type

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
    pool = sum(group.count * (unit_type(group.unit).health + unit_type(group.unit).shield) for group in record.enemies)
    max_reward = float(record.n_enemies * env.reward_death_value + env.reward_win + pool)
    return RewardRules(
        sparse=bool(env.reward_sparse),
        only_positive=bool(env.reward_only_positive),
        death_value=float(env.reward_death_value),
        win=float(env.reward_win),
        defeat=float(env.reward_defeat),
        negative_scale=float(env.reward_negative_scale),
        scale=float(env.reward_scale_rate / max_reward if env.reward_scale else 1.0),
        max_reward=max_reward,
    )


@kernel
def outcome(kinds: Records, units: Records, n_agents: int, b: int) -> int:
    """Tell how battle b stands (StarCraft2Env.update_units)."""
    allies = enemies = False
    for u in range(units.shape[1]):
        if units[b, u].health > 0.0:
            if u < n_agents:
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
    units: Records,
    hits: Bools,
    n_agents: int,
    b: int,
    standing: int,
    own: NDArray[np.float64],
    team_reward: Floats,
    individual_rewards: Floats,
) -> None:
    """Write team_reward[b] and individual_rewards[agents, b] of one environment step.

    hits: [battles, agents, enemies] whose attack landed on whom in this step. standing: how the battle stands after
    it. own: [1 or more, agents or more] scratch, its first row is written over.

    Team (StarCraft2Env.reward_battle and step): the absolute value of the enemies' losses and deaths, or with
    only_positive off these less the agents' own, scaled. An enemy's loss and death are credited in equal parts to the
    agents who hit it in this step, the win to those who hit anybody, a defeat to all.
    """
    for agent in range(n_agents):
        own[0, agent] = 0.0
    team = 0.0
    if not rules.sparse:
        team = credit_enemies(rules, units, hits, n_agents, b, own)
        if rules.only_positive:
            team = abs(team)
        else:
            team += charge_agents(rules, units, n_agents, b, own)
    if standing == WON:
        bonus = 1.0 if rules.sparse else rules.win
        team += bonus
        share_bonus(bonus, hits, n_agents, b, own)
    elif standing == LOST:
        bonus = -1.0 if rules.sparse else rules.defeat
        team += bonus
        for agent in range(n_agents):
            own[0, agent] += bonus / n_agents
    team_reward[b] = team * rules.scale
    for agent in range(n_agents):
        individual_rewards[agent, b] = own[0, agent] * rules.scale


@kernel
def credit_enemies(
    rules: RewardRules, units: Records, hits: Bools, n_agents: int, b: int, own: NDArray[np.float64]
) -> float:
    """Add up the enemies' losses and deaths, crediting them to the agents who hit them."""
    total = 0.0
    for enemy in range(hits.shape[2]):
        unit = units[b, n_agents + enemy]
        value = unit.worth_before - unit.health - unit.shield
        if unit.worth_before <= 0.0 or value == 0.0:
            continue
        if unit.health <= 0.0:
            value += rules.death_value
        total += value
        attackers = 0
        for agent in range(n_agents):
            attackers += hits[b, agent, enemy]
        for agent in range(n_agents):
            if hits[b, agent, enemy]:
                own[0, agent] += value / attackers
    return total


@kernel
def charge_agents(rules: RewardRules, units: Records, n_agents: int, b: int, own: NDArray[np.float64]) -> float:
    """Add up the agents' own losses and deaths, negative and scaled, each charged to the agent itself."""
    total = 0.0
    for agent in range(n_agents):
        unit = units[b, agent]
        if unit.worth_before <= 0.0:
            continue
        loss = unit.worth_before - unit.health - unit.shield
        if unit.health <= 0.0:
            loss += rules.death_value
        own[0, agent] -= loss * rules.negative_scale
        total -= loss * rules.negative_scale
    return total


@kernel
def share_bonus(bonus: float, hits: Bools, n_agents: int, b: int, own: NDArray[np.float64]) -> None:
    """Credit the win in equal parts to the agents who hit anybody in this step."""
    attackers = 0
    for agent in range(n_agents):
        attackers += hit_anybody(hits, b, agent)
    for agent in range(n_agents):
        if hit_anybody(hits, b, agent):
            own[0, agent] += bonus / attackers


@kernel
def hit_anybody(hits: Bools, b: int, agent: int) -> bool:
    """Tell whether an attack of the agent landed in this step."""
    landed = 0
    for enemy in range(hits.shape[2]):
        landed += hits[b, agent, enemy]
    return landed > 0
