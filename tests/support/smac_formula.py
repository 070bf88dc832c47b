"""SMAC's outcome and team reward in plain Python, from snapshots before and after an environment step.

Written from the description of StarCraft2Env.update_units, only_medivac_left, reward_battle and step.
"""

from __future__ import annotations

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.runtime.core.world import UnitRecord

Units = list[UnitRecord]


def side(units: Units, name: str) -> Units:
    """The units of one side, by index."""
    return [unit for unit in units if unit.side == name]


def outcome(units: Units, map_type: str) -> int | None:
    """1 when the battle is won, -1 when lost, 0 when all are dead, None while it goes on."""
    allies = [unit for unit in side(units, "ally") if unit.health > 0]
    enemies = [unit for unit in side(units, "enemy") if unit.health > 0]
    medivacs = map_type == "MMM"
    if (not allies and enemies) or (medivacs and all(unit.type == "medivac" for unit in allies)):
        return -1
    if (allies and not enemies) or (medivacs and [unit.type for unit in enemies] == ["medivac"]):
        return 1
    return None if allies or enemies else 0


def max_reward(units: Units, env: BattleOptions) -> float:
    """What killing all enemies and winning is worth."""
    enemies = side(units, "enemy")
    return env.reward_win + sum(env.reward_death_value + unit.health_max + unit.shield_max for unit in enemies)


def losses(before: Units, after: Units, name: str) -> tuple[float, int]:
    """What one side's living units lost in the step, gains counted off, and how many of them died."""
    lost, died = 0.0, 0
    for old, new in zip(side(before, name), side(after, name), strict=True):
        if old.health > 0:
            lost += old.health + old.shield - (new.health + new.shield if new.health > 0 else 0.0)
            died += new.health == 0
    return lost, died


def team_reward(before: Units, after: Units, map_type: str, env: BattleOptions) -> float:
    """The reward of one environment step."""
    reward = 0.0
    if not env.reward_sparse:
        lost, died = losses(before, after, "enemy")
        reward = lost + died * env.reward_death_value
        if env.reward_only_positive:
            reward = abs(reward)
        else:
            lost, died = losses(before, after, "ally")
            reward -= env.reward_negative_scale * (lost + died * env.reward_death_value)
    ended = outcome(after, map_type)
    if ended == 1:
        reward += 1 if env.reward_sparse else env.reward_win
    elif ended == -1:
        reward += -1 if env.reward_sparse else env.reward_defeat
    return reward / (max_reward(before, env) / env.reward_scale_rate) if env.reward_scale else reward
