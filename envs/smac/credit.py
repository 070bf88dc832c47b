"""Individual rewards, estimated from the units' losses and the agents' targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.units import UnitType, combat_constants

NO_UNIT = -1

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
    """The times at which the agents' hits land, from the weapons' cooldown; in game loops."""

    def __init__(self, kinds: Sequence[UnitType]) -> None:
        """Compute the agents' attack times. kinds: [agents], the agents' unit types."""
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
        self._slowness = np.divide(loops, speed, out=np.zeros(len(kinds)), where=speed > 0)  # loops per cell
        self.splashes = np.array([w is not None and (w.line is not None or w.burst_radius > 0) for w in weapons])

    def ages(self, cooldown: Numbers) -> Numbers:
        """Return the time since each agent began its last attack: [agents].

        The time is infinite for a ready weapon.
        """
        return np.where((cooldown > 0) & (self._hits > 0), self._period - cooldown, np.inf)

    def landed(self, ages: Numbers, distances: Numbers) -> Flags:
        """Return whether a hit of the last attack landed within the last environment step: [agents].

        distances: [agents] map cells to the attacked unit.
        """
        landed = np.zeros(len(ages), np.bool_)
        flight = distances * self._slowness
        for hit in range(int(self._hits.max(initial=0))):
            since = ages - self._first - hit * self._interval - flight
            landed |= (hit < self._hits) & (since >= 0) & (since < self.step)
        return landed


class Credit:
    """Individual rewards of one battle by the rules of envs.skirmish.rewards, unscaled.

    An enemy's loss and death are credited in equal parts to the agents of which an attack on it landed in the
    environment step. The win is credited to the agents that hit any enemy in it, a defeat to all. With
    reward_only_positive off each agent is charged its own loss.
    The game does not report the agents that hit an enemy. They are the first of these groups that is not empty:
    1. the agents that had this target when their last attack began, and of which a hit should have landed by now;
    2. the agents that have this target in this environment step;
    3. the agents that had this target in the environment step before;
    4. the agents that attack any enemy with a weapon that also hits bystanders.
    A loss without any such agent is not credited.
    """

    def __init__(self, env: BattleOptions, weapons: Weapons) -> None:
        self._env = env
        self._weapons = weapons
        self._targets_before: Orders = np.full(len(weapons.splashes), NO_UNIT)

    def step(self, before: Look, after: Look, targets: Orders, ending: float) -> Numbers:
        """Return the agents' individual rewards of an environment step: [agents].

        targets: [agents], the enemy that each agent attacks, NO_UNIT for none. ending: the reward that SMAC added for a
        win (above 0) or a defeat (below 0), else 0.
        """
        own = np.zeros(len(targets))
        aims, landed = self._shots(before, after, targets)
        hit_any = np.zeros(len(targets), np.bool_)
        lost = self._losses(before.enemies, after.enemies)
        for enemy in np.flatnonzero(lost > 0.0):
            hit = self._hitters(int(enemy), targets, (aims == enemy) & landed)
            own[hit] += 0.0 if self._env.reward_sparse else lost[enemy] / max(int(hit.sum()), 1)
            hit_any |= hit
        if not (self._env.reward_only_positive or self._env.reward_sparse):
            own -= self._losses(before.allies, after.allies) * self._env.reward_negative_scale
        if ending > 0.0 and hit_any.any():
            own[hit_any] += ending / hit_any.sum()
        elif ending < 0.0:
            own += ending / len(own)
        self._targets_before = targets.copy()
        return own

    def _shots(self, before: Look, after: Look, targets: Orders) -> tuple[Orders, Flags]:
        """Return each agent's last target, and whether a hit on it should have landed: [agents]."""
        ages = self._weapons.ages(after.cooldown)
        aims: Orders = np.where(ages < self._weapons.step, targets, self._targets_before)
        distances = np.linalg.norm(before.ally_places - before.enemy_places[np.maximum(aims, 0)], axis=1)
        return aims, self._weapons.landed(ages, distances) & (aims != NO_UNIT)

    def _losses(self, before: Numbers, after: Numbers) -> Numbers:
        """Return each unit's loss, the value of its death included; 0 for dead units: [units]."""
        died = (before > 0.0) & (after <= 0.0)
        return np.where(before > 0.0, before - after + died * self._env.reward_death_value, 0.0)

    def _hitters(self, enemy: int, targets: Orders, landed: Flags) -> Flags:
        """Return the agents that hit an enemy, by the groups above: [agents]."""
        splashing = self._weapons.splashes & (targets != NO_UNIT)
        likely = (landed, targets == enemy, self._targets_before == enemy, splashing)
        return next((some for some in likely if some.any()), landed)
