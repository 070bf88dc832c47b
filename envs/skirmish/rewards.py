"""The team reward by SMAC's formula, and each agent's individual reward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.maps import MapRecord
from fedqmix.envs.skirmish.arrays import UNARMED, Records, Unit
from fedqmix.envs.skirmish.compile import inner
from fedqmix.envs.skirmish.layout import has_medivacs
from fedqmix.envs.units import unit_type
from fedqmix.runtime.core.world import Floats

ONGOING, WON, LOST, BOTH_DEAD = 0, 1, 2, 3
"""The outcomes of a battle (StarCraft2Env.update_units: None, 1, -1, 0)."""


class RewardRules(NamedTuple):
    """SMAC's reward options under its own names."""

    sparse: bool
    only_positive: bool
    death_value: float
    win: float
    defeat: float
    negative_scale: float
    scaled: bool  # reward_scale: rewards are multiplied by scale_rate / max_reward of their battle at the end
    scale_rate: float
    max_reward: float  # of the map's own teams, before scaling: all enemies killed, battle won
    medivacs: bool  # agents may be medivacs, and a team with only these left has lost
    once: bool  # max_reward scales all battles, instead of each battle's own enemies
    smacv2: bool  # SMACv2's rules: no reward below 0; any number of medivacs alone has lost


def make_reward_rules(record: MapRecord, env: BattleOptions) -> RewardRules:
    """Read the reward options from the settings and compute SMAC's max_reward for a map."""
    pool = sum(group.count * (unit_type(group.unit).health + unit_type(group.unit).shield) for group in record.enemies)
    max_reward = float(record.n_enemies * env.reward_death_value + env.reward_win + pool)
    return RewardRules(
        sparse=bool(env.reward_sparse),
        only_positive=bool(env.reward_only_positive),
        death_value=float(env.reward_death_value),
        win=float(env.reward_win),
        defeat=float(env.reward_defeat),
        negative_scale=float(env.reward_negative_scale),
        scaled=bool(env.reward_scale),
        scale_rate=float(env.reward_scale_rate),
        max_reward=max_reward,
        medivacs=has_medivacs(record, env),
        once=record.random_teams,
        smacv2=record.smacv2,
    )


@inner
def reward_scale(rules: RewardRules, kinds: Records, units: Records, n_agents: int, b: int) -> float:
    """Return the factor of battle b's rewards (StarCraft2Env.init_units and step).

    SMAC computes max_reward once, at the first reset; here every battle has its own, as its enemies may be drawn. Where
    smaller teams are drawn, it is once that of the largest team, as in REFIL.
    """
    if not rules.scaled:
        return 1.0
    if rules.once:
        return rules.scale_rate / rules.max_reward
    max_reward = rules.win
    for u in range(n_agents, units.shape[1]):
        kind = kinds[units[b, u].kind]
        max_reward += rules.death_value + kind.health_max + kind.shield_max
    return rules.scale_rate / max_reward


@inner
def outcome(rules: RewardRules, kinds: Records, units: Records, n_agents: int, b: int) -> int:
    """Return the outcome of battle b (StarCraft2Env.update_units, only_medivac_left).

    Where agents have medivacs, the agents have lost once only medivacs of theirs live, even if no enemy lives. The
    enemies have lost once a single medivac is left of them (with two medivacs left the battle continues). In SMACv2
    they have lost once only medivacs are left of them.
    """
    allies = fighting_allies = enemies = fighting_enemies = 0
    for u in range(units.shape[1]):
        if units[b, u].health > 0.0:
            fights = not rules.medivacs or kinds[units[b, u].kind].weapon != UNARMED
            if u < n_agents:
                allies += 1
                fighting_allies += fights
            else:
                enemies += 1
                fighting_enemies += fights
    if (allies == 0 and enemies > 0) or (rules.medivacs and fighting_allies == 0):
        return LOST
    if enemies == 0:
        return WON if allies > 0 else BOTH_DEAD
    return WON if fighting_enemies == 0 and (enemies == 1 or rules.smacv2) else ONGOING


@inner
def write_rewards(
    rules: RewardRules,
    units: Records,
    n_agents: int,
    b: int,
    standing: int,
    scale: float,
    own: NDArray[np.float64],
    team_reward: Floats,
    individual_rewards: Floats,
) -> None:
    """Write team_reward[b] and individual_rewards[agents, b] of one environment step.

    units: their `hit_by` marks the agents of which an attack landed in this environment step.
    standing: the outcome after it. scale: factor of the rewards (reward_scale).
    own: [1 or more, agents or more], scratch; its first row is overwritten.

    Team, scaled (StarCraft2Env.reward_battle and step): the absolute value of the enemies' losses and deaths. With
    only_positive off it is their value less the agents' losses and deaths. An enemy's regeneration or healing is a
    negative loss, so with only_positive it alone yields a positive reward. In SMACv2 it then yields none.

    Individual: an enemy's loss and death are credited in equal parts to the agents that hit it in this environment
    step. The win is credited to the agents that hit any enemy in it, a defeat to all. With only_positive off each agent
    is charged its own loss. An enemy's gain, or a loss without a hit (by its own burst, for example), is not credited.
    Only without these do the individual rewards add up to the team reward.
    Healing an agent gives no reward; with only_positive off the healed agent gets SMAC's team reward for it.
    """
    for agent in range(n_agents):
        own[0, agent] = 0.0
    team = 0.0
    if not rules.sparse:
        team = credit_enemies(rules, units, n_agents, b, own)
        if rules.only_positive:
            team = max(team, 0.0) if rules.smacv2 else abs(team)
        else:
            team += charge_agents(rules, units, n_agents, b, own)
    if standing == WON:
        bonus = 1.0 if rules.sparse else rules.win
        team += bonus
        hitters = np.uint64(0)
        for u in range(n_agents, units.shape[1]):
            hitters |= units[b, u].hit_by
        share_out(bonus, hitters, own)
    elif standing == LOST:
        bonus = -1.0 if rules.sparse else rules.defeat
        team += bonus
        existing = 0
        for agent in range(n_agents):
            existing += not units[b, agent].absent
        for agent in range(n_agents):
            if not units[b, agent].absent:
                own[0, agent] += bonus / existing
    team_reward[b] = team * scale
    for agent in range(n_agents):
        individual_rewards[agent, b] = own[0, agent] * scale


@inner
def credit_enemies(rules: RewardRules, units: Records, n_agents: int, b: int, own: NDArray[np.float64]) -> float:
    """Return the sum of the enemies' losses and deaths; credit them to the agents that hit them."""
    total = 0.0
    for u in range(n_agents, units.shape[1]):
        unit = units[b, u]
        value = loss_of(rules, unit)
        total += value
        if value > 0.0:
            share_out(value, unit.hit_by, own)
    return total


@inner
def share_out(value: float, agents: np.uint64, own: NDArray[np.float64]) -> None:
    """Add a value in equal parts to the agents with set bits."""
    count, rest = 0, agents
    while rest != np.uint64(0):
        rest &= rest - np.uint64(1)  # clears the lowest bit that is set
        count += 1
    agent = 0
    while agents != np.uint64(0):
        if agents & np.uint64(1) != np.uint64(0):
            own[0, agent] += value / count
        agents >>= np.uint64(1)
        agent += 1


@inner
def charge_agents(rules: RewardRules, units: Records, n_agents: int, b: int, own: NDArray[np.float64]) -> float:
    """Return the sum of the agents' losses and deaths, negative; charge each to its agent.

    The losses are scaled by negative_scale.
    """
    total = 0.0
    for agent in range(n_agents):
        loss = loss_of(rules, units[b, agent]) * rules.negative_scale
        own[0, agent] -= loss
        total -= loss
    return total


@inner
def loss_of(rules: RewardRules, unit: Unit) -> float:
    """Return a unit's loss in this environment step, the value of its death included.

    The loss is negative if the unit gained, and 0 if it was dead before.
    """
    if unit.worth_before <= 0.0:
        return 0.0
    if unit.health <= 0.0:
        return unit.worth_before + rules.death_value
    return unit.worth_before - unit.health - unit.shield
