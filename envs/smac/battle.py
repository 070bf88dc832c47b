"""The battles of one SMAC environment, with data that SMAC's interface does not return."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.actions import ACTION_NAMES
from fedqmix.envs.maps import load_map
from fedqmix.envs.smac.credit import NO_UNIT, Credit, Look, Weapons
from fedqmix.envs.smac.messages import Job
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.envs.units import unit_type
from fedqmix.envs.workers.messages import Sight
from fedqmix.runtime.core.world import UnitRecord

ENEMY_TYPES = {
    4: "colossus",
    9: "baneling",
    48: "marine",
    51: "marauder",
    54: "medivac",
    73: "zealot",
    74: "stalker",
    98: "spine_crawler",
    105: "zergling",
    107: "hydralisk",
}
"""The names of the game's unit type numbers."""

OURS = ("name", "starts", "games", "call_seconds")
"""Settings of env=smac that SMAC does not have."""


class GameBrokenError(Exception):
    """A failure of the game or its connection; SMAC would restart it and count the battle lost."""


class EpisodeBatch(Protocol):
    """The battles that a game process plays, one after another."""

    def begin(self) -> Sight:
        """Begin the next battle."""

    def step(self, actions: NDArray[np.int64]) -> Sight:
        """Take one environment step. actions: [agents]."""

    def units(self) -> list[UnitRecord]:
        """List all units, allies first."""

    def save_replay(self) -> None:
        """Save the game's replay of all battles since its start."""

    def close(self) -> None:
        """End the game."""


class SmacBattles:
    """The battles of one StarCraft2Env. Methods raise GameBrokenError when the game breaks down."""

    def __init__(self, job: Job) -> None:
        """Set up SMAC's environment; the game starts with the first battle."""
        self._record = load_map(job.map)
        self._settings = job.env
        self._env = _supervised()(map_name=job.map, seed=job.seed, **_smac_settings(job.env))
        self._types = [unit_type(name) for name in self._record.unit_types[: self._record.n_agents]]
        self._weapons = Weapons(self._types)
        self._last_actions = np.zeros(self._record.n_agents, np.int64)

    def begin(self) -> Sight:
        """Begin the next battle; the first one starts the game."""
        observations, state = self._env.reset()
        self._credit = Credit(self._settings, self._weapons)
        self._last_actions[:] = 0
        self._look = self._looked()
        self._timeouts = self._env.timeouts
        nothing = np.zeros(self._record.n_agents, np.float32)
        return Sight(*self._seen(observations, state), individual_rewards=nothing)

    def step(self, actions: NDArray[np.int64]) -> Sight:
        """Take one environment step."""
        before, targets = self._look, self._targets(actions)
        reward, terminated, info = self._env.step(actions.tolist())
        self._look, self._last_actions = self._looked(), actions.copy()
        won, truncated = bool(info["battle_won"]), self._env.timeouts > self._timeouts
        ending = self._ending(won, terminated and not truncated)
        own = self._credit.step(before, self._look, targets, ending) * self._scale()
        sight = Sight(*self._seen(self._env.get_obs(), self._env.get_state()))
        sight.team_reward, sight.individual_rewards = float(reward), own.astype(np.float32)
        sight.won, sight.truncated, sight.terminated = won, truncated, bool(terminated) and not truncated
        return sight

    def units(self) -> list[UnitRecord]:
        """List all units, allies first."""
        targets = self._targets(self._last_actions)
        sides = (("ally", self._env.agents), ("enemy", self._env.enemies))
        return [self._unit(side, index, unit, targets) for side, units in sides for index, unit in units.items()]

    def save_replay(self) -> None:
        """Save the game's replay of all battles since its start in SMAC's replay_dir."""
        self._env.save_replay()

    def close(self) -> None:
        """End the game."""
        self._env.close()

    def _seen(self, observations: Any, state: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        available = np.array(self._env.get_avail_actions(), np.bool_)
        return np.array(observations, np.float32), available, np.array(state, np.float32)

    def _looked(self) -> Look:
        allies, enemies = ([units[i] for i in range(len(units))] for units in (self._env.agents, self._env.enemies))
        cooldown = np.array([unit.weapon_cooldown for unit in allies], np.float64)
        return Look(_worth(allies), _worth(enemies), cooldown, _places(allies), _places(enemies))

    def _targets(self, actions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the enemy that each agent attacks, NO_UNIT for none and for medivacs: [agents]."""
        attacks = np.array([kind.heal is None for kind in self._types]) & (actions >= len(ACTION_NAMES))
        return np.where(attacks, actions - len(ACTION_NAMES), NO_UNIT)

    def _ending(self, won: bool, over: bool) -> float:
        """Return the reward that SMAC adds at a battle's end, else 0 (StarCraft2Env.step)."""
        sparse = self._settings.reward_sparse
        if won:
            return 1.0 if sparse else self._settings.reward_win
        both_dead = not self._look.allies.any() and not self._look.enemies.any()
        if over and not both_dead:
            return -1.0 if sparse else self._settings.reward_defeat
        return 0.0

    def _scale(self) -> float:
        env = self._env
        return float(env.reward_scale_rate / env.max_reward) if env.reward_scale else 1.0

    def _unit(self, side: str, index: int, unit: Any, targets: NDArray[np.int64]) -> UnitRecord:
        ally = side == "ally"
        kind = self._types[index] if ally else unit_type(ENEMY_TYPES[unit.unit_type])
        action = int(self._last_actions[index]) if ally else 0
        target = -1
        if ally and action >= len(ACTION_NAMES):
            enemy = int(targets[index])
            target = action - len(ACTION_NAMES) if enemy == NO_UNIT else self._record.n_agents + enemy
        return UnitRecord(
            side=side,
            index=index,
            type=kind.name,
            x=unit.pos.x,
            y=unit.pos.y,
            health=unit.health,
            shield=unit.shield if unit.health > 0 else 0.0,
            energy_or_cooldown=unit.energy if kind.energy else unit.weapon_cooldown,
            last_action=action,
            health_max=unit.health_max,
            shield_max=unit.shield_max,
            radius=kind.radius,
            target=target,
        )


def _supervised() -> Any:
    """Return SMAC's environment with three changes to its treatment of errors.

    1. It raises GameBrokenError where SMAC starts a new game and counts the battle lost.
    2. It can be reset in the middle of its first battle, where SMAC would start a second game.
    3. max_reward counts every enemy once, also when the game creates enemies late. (SMAC counts the present ones again
       at every observation.)
    """
    from smac.env import StarCraft2Env  # imported here: it takes a second, and only game processes have it

    class SupervisedEnv(StarCraft2Env):
        _episode_count: int

        def full_restart(self) -> None:
            raise GameBrokenError("the game broke down, or its connection")

        def reset(self) -> Any:
            seen = super().reset()
            if self._episode_count == 0:
                worth = sum(unit.health_max + unit.shield_max for unit in self.enemies.values())
                self.max_reward = self.n_enemies * self.reward_death_value + self.reward_win + worth
                self._episode_count = 1
            return seen

    return SupervisedEnv


def _smac_settings(env: SmacOptions) -> dict[str, Any]:
    known = {name: value for name, value in asdict(env).items() if name not in OURS}
    return known | {"replay_dir": str(Path(env.replay_dir).absolute())}  # the game resolves it in its own folder


def _worth(units: list[Any]) -> NDArray[np.float64]:
    return np.array([unit.health + unit.shield if unit.health > 0 else 0.0 for unit in units], np.float64)


def _places(units: list[Any]) -> NDArray[np.float64]:
    return np.array([(unit.pos.x, unit.pos.y) for unit in units], np.float64)
