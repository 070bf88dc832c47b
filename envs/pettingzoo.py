"""Episodes of env=skirmish as a PettingZoo `ParallelEnv`, for other libraries' learners.

    from fedqmix.envs.pettingzoo import parallel_env

    env = parallel_env("3m", seed=1)
    observations, infos = env.reset()
    while env.agents:
        actions = {agent: policy(observations[agent]) for agent in env.agents}
        observations, rewards, terminations, truncations, infos = env.step(actions)

Observations are `{"observation": ..., "action_mask": ...}`; with flat=True they are vectors, and infos hold the masks.
Agents of dead units stay until the episode ends, as in SMAC: their observation is 0 and their mask allows only the
no-op. This module needs the extra `pettingzoo`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.episode_player import EpisodePlayer
from fedqmix.envs.options import skirmish_options
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError, WorldError
from fedqmix.runtime.core.world import Floats, Integers, TeamSpec

try:
    import gymnasium
    from gymnasium import spaces
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise ConfigurationError(
        "fedqmix.envs.pettingzoo needs the packages pettingzoo and gymnasium: pip install 'fedqmix[pettingzoo]'."
    ) from error

Observation = dict[str, NDArray[Any]] | Floats
RENDER_MODES = ("rgb_array",)


class Reward(StrEnum):
    """The reward of an agent: the team's reward, or its own individual reward."""

    TEAM = "team"
    INDIVIDUAL = "individual"


class Unavailable(StrEnum):
    """The treatment of a masked action: an error, or a stop (a dead unit takes the no-op)."""

    REFUSE = "refuse"
    STOP = "stop"


def parallel_env(
    map: str = "3m",
    *,
    seed: int = 0,
    reward: str = "team",
    unavailable: str = "refuse",
    flat: bool = False,
    render_mode: str | None = None,
    **env: Any,
) -> SkirmishParallelEnv:
    """Make the environment of one map.

    seed: fixes all episodes; reset(seed=...) sets it anew.
    reward: "team" (every agent gets the team's reward) or "individual" (each agent gets its own).
    unavailable: "refuse" raises UnavailableActionError for a masked action; "stop" stops the unit instead.
    flat: observations are vectors and masks are infos[agent]["action_mask"], for wrappers that take no dictionaries.
    render_mode: None, or "rgb_array": render returns a picture of the battlefield.
    env: settings of the world under the names of conf/env/skirmish.yaml, such as obs_last_action=True.
    Raises ConfigurationError for an unknown map or setting.
    """
    choices: dict[str, tuple[object, tuple[object, ...]]] = {
        "reward": (reward, tuple(Reward)),
        "unavailable": (unavailable, tuple(Unavailable)),
        "flat": (flat, (False, True)),
        "render_mode": (render_mode, (None, *RENDER_MODES)),
    }
    for name, (given, allowed) in choices.items():
        if given not in allowed:
            raise ConfigurationError(
                f"{name}={given!r} is not known; allowed: {', '.join(str(one) for one in allowed)}."
            )
    return SkirmishParallelEnv(
        EpisodePlayer(map, seed, skirmish_options(**env)),
        Reward(reward),
        Unavailable(unavailable),
        flat=flat,
        render_mode=render_mode,
    )


class SkirmishParallelEnv(ParallelEnv[str, Observation, int]):
    """An environment that plays one episode of a map at a time; parallel_env makes it.

    Every agent's infos hold "individual_reward", "team_reward" (float) and "battle_won" (bool), with flat=True also
    "action_mask" ([n_actions] int8). An episode that is won, lost or drawn terminates; the map's episode limit
    truncates it. Either ends it for all agents. A copy of an environment begins with the next episode.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "fedqmix_skirmish_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 2,  # an environment step is half a second of the game
        "is_parallelizable": True,
    }

    def __init__(
        self, player: EpisodePlayer, reward: Reward, unavailable: Unavailable, *, flat: bool, render_mode: str | None
    ) -> None:
        """Set up the spaces; the world is built at the first reset. Arguments as for parallel_env."""
        self._player = player
        self._reward = reward
        self._unavailable = unavailable
        self._flat = flat
        self.render_mode = render_mode
        self.spec: TeamSpec = player.spec
        self.possible_agents = [f"agent_{number}" for number in range(self.spec.n_agents)]
        self.agents: list[str] = []
        self.observation_spaces = {agent: self._observation_space() for agent in self.possible_agents}
        self.action_spaces = {agent: spaces.Discrete(self.spec.n_actions) for agent in self.possible_agents}
        self.state_space = spaces.Box(-np.inf, np.inf, (self.spec.state_dim,), np.float32)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's observations, the same object every time."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's actions: SMAC's numbers, 0 is the no-op of the dead."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begin the next episode, or the first one of a new seed. options are not used."""
        if seed is not None:
            self._player.reseed(seed)
        self._player.begin()
        self.agents = list(self.possible_agents)
        return self._observations(), self._infos()

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Take one environment step.

        actions: one for every agent. Returns observations, rewards, terminations, truncations and infos by agent.
        Raises WorldError when no episode is running or an agent's action is missing, and UnavailableActionError when
        an action's mask is 0 (unless unavailable="stop").
        """
        player = self._player
        if player.over:
            raise WorldError("The episode is over or was never begun: call reset before step.")
        player.step(self._numbers(actions))
        own, team = player.individual_rewards, [player.team_reward] * self.spec.n_agents
        rewards = own if self._reward is Reward.INDIVIDUAL else team
        results = (
            self._observations(),
            dict(zip(self.agents, rewards, strict=True)),
            dict.fromkeys(self.agents, player.terminated),
            dict.fromkeys(self.agents, player.truncated),
            self._infos(),
        )
        if player.over:
            self.agents = []
        return results

    def state(self) -> Floats:
        """Return the global state, [state_dim] float32. Raises WorldError before the first reset."""
        return self._player.state

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture of the battlefield, [height, width, 3], with render_mode="rgb_array"; else None, and warn.

        Raises WorldError before the first reset.
        """
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render was called without a render_mode: parallel_env(..., render_mode='rgb_array')."
            )
            return None
        return self._player.picture()

    def close(self) -> None:
        """Release the world; the next reset builds another one."""
        self._player.close()
        self.agents = []

    def _observation_space(self) -> spaces.Space[Any]:
        spec = self.spec
        vector = spaces.Box(-np.inf, np.inf, (spec.obs_dim,), np.float32)
        if self._flat:
            return vector
        return spaces.Dict({"observation": vector, "action_mask": spaces.Box(0, 1, (spec.n_actions,), np.int8)})

    def _observations(self) -> dict[str, Observation]:
        seen, masks = self._player.observations, self._masks()
        if self._flat:
            return dict(zip(self.agents, seen, strict=True))
        return {
            agent: {"observation": seen[number], "action_mask": masks[number]}
            for number, agent in enumerate(self.agents)
        }

    def _infos(self) -> dict[str, dict[str, Any]]:
        player, masks = self._player, self._masks()
        team = {"team_reward": player.team_reward, "battle_won": player.won}
        return {
            agent: {"individual_reward": own, **team} | ({"action_mask": mask} if self._flat else {})
            for agent, own, mask in zip(self.agents, player.individual_rewards, masks, strict=True)
        }

    def _masks(self) -> NDArray[np.int8]:
        return self._player.available.astype(np.int8)

    def _numbers(self, actions: dict[str, int]) -> Integers:
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise WorldError(f"Every agent needs an action; none was passed for {', '.join(missing)}.")
        numbers = np.array([int(actions[agent]) for agent in self.agents], dtype=np.int64)
        inside = (numbers >= 0) & (numbers < self.spec.n_actions)
        allowed = self._player.available[np.arange(numbers.size), np.where(inside, numbers, 0)] & inside
        if self._unavailable is Unavailable.REFUSE and not allowed.all():
            agent = int(np.flatnonzero(~allowed)[0])
            choices = ", ".join(str(action) for action in np.flatnonzero(self._player.available[agent]))
            raise UnavailableActionError(
                f"agent_{agent} cannot take action {numbers[agent]}; its action_mask allows {choices}."
            )
        return np.where(allowed, numbers, self._player.available.argmax(-1))  # the first allowed one: no-op or stop
