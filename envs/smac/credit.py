"""Each agent's own part of the reward, from what SMAC shows: who lost how much, and who was told to attack whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conf.schema import EnvConfig

NOBODY = -1


@dataclass(frozen=True)
class Look:
    """All units of a battle at one moment.

    allies, enemies: [agents], [enemies] health and shield together, 0 when dead. cooldown: [agents], game loops until
    the weapon is ready.
    """

    allies: NDArray[np.float64]
    enemies: NDArray[np.float64]
    cooldown: NDArray[np.float64]


class Credit:
    """Individual rewards of one battle, before SMAC's scaling; the rules are those of envs.skirmish.rewards.

    An enemy's loss and death are credited in equal parts to the agents whose attack on it landed in the step, the win
    to those who hit anybody, a defeat to all; with reward_only_positive off each agent is charged its own loss. The
    game does not say whose attack landed, so it is told from orders and weapons: of those who were told to attack this
    enemy, the ones whose weapon fired; if none did, all who were told to in this step (melee strikes and bursts show no
    cooldown any more when the attacker died); if nobody was, those who were told to in the step before (their missiles
    were on the way); if nobody was, those whose weapon also hits bystanders and fired. What is left is credited to
    nobody.
    """

    def __init__(self, env: EnvConfig, loops: int, splashes: NDArray[np.bool_]) -> None:
        """loops: game loops of an environment step. splashes: [agents], whose weapon also hits bystanders."""
        self._env = env
        self._loops = loops
        self._splashes = splashes
        self._told_before = np.full(len(splashes), NOBODY)

    def step(self, before: Look, after: Look, told: NDArray[np.int64], ending: float) -> NDArray[np.float64]:
        """Return [agents] what each earned in a step.

        told: [agents], the enemy that each was told to attack, NOBODY for none. ending: what SMAC added because the
        battle was won (above 0) or lost (below 0), else 0.
        """
        own = np.zeros(len(told))
        fired = after.cooldown > np.maximum(before.cooldown - self._loops, 0.0)
        hit_anybody = np.zeros(len(told), np.bool_)
        lost = self._losses(before.enemies, after.enemies)
        for enemy in np.flatnonzero(lost > 0.0):
            hit = self._who_hit(int(enemy), told, fired)
            own[hit] += 0.0 if self._env.reward_sparse else lost[enemy] / max(int(hit.sum()), 1)
            hit_anybody |= hit
        if not (self._env.reward_only_positive or self._env.reward_sparse):
            own -= self._losses(before.allies, after.allies) * self._env.reward_negative_scale
        if ending > 0.0 and hit_anybody.any():
            own[hit_anybody] += ending / hit_anybody.sum()
        elif ending < 0.0:
            own += ending / len(own)
        self._told_before = told.copy()
        return own

    def _losses(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each unit lost, with the value of its death; 0 for those who were dead."""
        died = (before > 0.0) & (after <= 0.0)
        return np.where(before > 0.0, before - after + died * self._env.reward_death_value, 0.0)

    def _who_hit(self, enemy: int, told: NDArray[np.int64], fired: NDArray[np.bool_]) -> NDArray[np.bool_]:
        aimed = told == enemy
        likely = (aimed & fired, aimed, self._told_before == enemy, self._splashes & fired & (told != NOBODY))
        return next((some for some in likely if some.any()), likely[0])
