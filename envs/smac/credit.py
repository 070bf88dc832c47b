"""Each agent's own part of the reward, from what SMAC shows: who lost how much, and who was told to attack whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.units import UnitType, combat_constants

NOBODY = -1

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Orders = NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """All units of a battle at one moment.

    allies, enemies: [agents], [enemies] health and shield together, 0 when dead. cooldown: [agents], game loops until
    the weapon is ready. ally_places, enemy_places: [agents, 2], [enemies, 2] map cells.
    """

    allies: Numbers
    enemies: Numbers
    cooldown: Numbers
    ally_places: Numbers
    enemy_places: Numbers


class Weapons:
    """When the agents' hits land, told from their weapons' cooldown; times in game loops."""

    def __init__(self, kinds: Sequence[UnitType]) -> None:
        """kinds: [agents], of what type each is."""
        constants = combat_constants()
        loops = constants.loops_per_second
        weapons = [kind.weapon for kind in kinds]
        self.step = constants.loops_per_env_step
        period = [0.0 if w is None else w.period + sum(constants.weapon_delay) / 2 for w in weapons]
        self._period = loops * np.array(period)
        self._first = loops * np.array([0.0 if w is None else w.damage_point + w.first_hit for w in weapons])
        self._interval = loops * np.array([0.0 if w is None else w.hit_interval for w in weapons])
        self._hits = np.array([0 if w is None else w.hits for w in weapons])
        speed = np.array([0.0 if w is None else w.missile_speed for w in weapons])
        self._slowness = np.divide(loops, speed, out=np.zeros(len(kinds)), where=speed > 0)  # loops a cell
        self.splashes = np.array([w is not None and (w.line is not None or w.burst_radius > 0) for w in weapons])

    def ages(self, cooldown: Numbers) -> Numbers:
        """Return [agents] how long ago each began its last attack; infinite once the weapon is ready again."""
        return np.where((cooldown > 0) & (self._hits > 0), self._period - cooldown, np.inf)

    def landed(self, ages: Numbers, distances: Numbers) -> Flags:
        """Return [agents] whether a hit of the last attack landed within the last step.

        distances: [agents] map cells to the one attacked.
        """
        landed = np.zeros(len(ages), np.bool_)
        flight = distances * self._slowness
        for hit in range(int(self._hits.max(initial=0))):
            since = ages - self._first - hit * self._interval - flight
            landed |= (hit < self._hits) & (since >= 0) & (since < self.step)
        return landed


class Credit:
    """Individual rewards of one battle, before SMAC's scaling; the rules are those of envs.skirmish.rewards.

    An enemy's loss and death are credited in equal parts to the agents whose attack on it landed in the step, the win
    to those who hit anybody, a defeat to all; with reward_only_positive off each agent is charged its own loss. The
    game does not say whose attack landed, so it is told from orders and weapons: of those who were told to attack this
    enemy when their last attack began, the ones of whom a hit should have landed by now; if there is none, all who are
    told to attack it; if there is none, those who were told to in the step before; if there is none, those whose
    weapon also hits bystanders and who attack anybody. What is left is credited to nobody.
    """

    def __init__(self, env: EnvConfig, weapons: Weapons) -> None:
        self._env = env
        self._weapons = weapons
        self._told_before: Orders = np.full(len(weapons.splashes), NOBODY)

    def step(self, before: Look, after: Look, told: Orders, ending: float) -> Numbers:
        """Return [agents] what each earned in a step.

        told: [agents], the enemy that each was told to attack, NOBODY for none. ending: what SMAC added because the
        battle was won (above 0) or lost (below 0), else 0.
        """
        own = np.zeros(len(told))
        aims, landed = self._shots(before, after, told)
        hit_anybody = np.zeros(len(told), np.bool_)
        lost = self._losses(before.enemies, after.enemies)
        for enemy in np.flatnonzero(lost > 0.0):
            hit = self._who_hit(int(enemy), told, (aims == enemy) & landed)
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

    def _shots(self, before: Look, after: Look, told: Orders) -> tuple[Orders, Flags]:
        """Return [agents] whom each one's last attack was aimed at, and whether a hit of it should have landed."""
        ages = self._weapons.ages(after.cooldown)
        aims: Orders = np.where(ages < self._weapons.step, told, self._told_before)
        distances = np.linalg.norm(before.ally_places - before.enemy_places[np.maximum(aims, 0)], axis=1)
        return aims, self._weapons.landed(ages, distances) & (aims != NOBODY)

    def _losses(self, before: Numbers, after: Numbers) -> Numbers:
        """Return what each unit lost, with the value of its death; 0 for those who were dead."""
        died = (before > 0.0) & (after <= 0.0)
        return np.where(before > 0.0, before - after + died * self._env.reward_death_value, 0.0)

    def _who_hit(self, enemy: int, told: Orders, landed: Flags) -> Flags:
        splashing = self._weapons.splashes & (told != NOBODY)
        likely = (landed, told == enemy, self._told_before == enemy, splashing)
        return next((some for some in likely if some.any()), landed)
