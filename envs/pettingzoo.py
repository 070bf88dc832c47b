"""Episodes of env=skirmish as a PettingZoo `ParallelEnv`, for other libraries' learners.

    from fedqmix.envs.pettingzoo import parallel_env

    env = parallel_env("3m", seed=1)
    observations, infos = env.reset()
    while env.agents:
        actions = {agent: policy(observations[agent]) for agent in env.agents}
        observations, rewards, terminations, truncations, infos = env.step(actions)

Observations are `{"observation": ..., "action_mask": ...}`. Agents of dead units stay until the episode ends, as in
SMAC: their observation is 0 and their mask allows only the no-op. This module needs the extra `pettingzoo`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fedqmix.envs.factory import make_world, team_spec
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError, WorldError
from fedqmix.runtime.core.world import EpisodeBatch, Floats, Integers, Purpose, TeamSpec, TeamTimeStep, TimeStep, World

try:
    from gymnasium import spaces
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise ConfigurationError(
        "fedqmix.envs.pettingzoo needs the packages pettingzoo and gymnasium: pip install 'fedqmix[pettingzoo]'."
    ) from error

Observation = dict[str, NDArray[Any]]


class Reward(StrEnum):
    """The reward of an agent: the team's reward, or its own individual reward."""

    TEAM = "team"
    INDIVIDUAL = "individual"


class Unavailable(StrEnum):
    """The treatment of a masked action: an error, or a stop (a dead unit takes the no-op)."""

    REFUSE = "refuse"
    STOP = "stop"


def parallel_env(
    map: str = "3m", *, seed: int = 0, reward: str = "team", unavailable: str = "refuse", **env: Any
) -> SkirmishParallelEnv:
    """Make the environment of one map.

    seed: fixes all episodes; reset(seed=...) sets it anew.
    reward: "team" (every agent gets the team's reward) or "individual" (each agent gets its own).
    unavailable: "refuse" raises UnavailableActionError for a masked action; "stop" stops the unit instead.
    env: settings of the world under the names of conf/env/skirmish.yaml, such as obs_last_action=True.
    Raises ConfigurationError for an unknown map or setting.
    """
    for name, given, allowed in (("reward", reward, Reward), ("unavailable", unavailable, Unavailable)):
        if given not in list(allowed):
            raise ConfigurationError(f"{name}={given!r} is not known; allowed: {', '.join(allowed)}.")
    return SkirmishParallelEnv(map, seed, skirmish_options(**env), Reward(reward), Unavailable(unavailable))


class SkirmishParallelEnv(ParallelEnv[str, Observation, int]):
    """An environment that plays one episode of a map at a time; parallel_env makes it.

    Every agent's infos hold "individual_reward", "team_reward" (float) and "battle_won" (bool). An episode that is
    won, lost or drawn terminates; the map's episode limit truncates it. Either ends it for all agents.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "fedqmix_skirmish_v0", "render_modes": [], "is_parallelizable": True}
    render_mode = None

    def __init__(self, map: str, seed: int, env: SkirmishOptions, reward: Reward, unavailable: Unavailable) -> None:
        """Set up the spaces; the world is built at the first reset. Arguments as for parallel_env."""
        self._env = env
        self._reward = reward
        self._unavailable = unavailable
        self.spec: TeamSpec = team_spec(map, env)
        self.possible_agents = [f"agent_{number}" for number in range(self.spec.n_agents)]
        self.agents: list[str] = []
        self.observation_spaces = {agent: self._observation_space() for agent in self.possible_agents}
        self.action_spaces = {agent: spaces.Discrete(self.spec.n_actions) for agent in self.possible_agents}
        self.state_space = spaces.Box(-np.inf, np.inf, (self.spec.state_dim,), np.float32)
        self._team = _TeamView()
        self._world: World | None = None
        self._set_seed(seed)

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
            self._set_seed(seed)
        if self._world is None:
            self._world = make_world(self.spec.map, self._seed, self._env, self._team)
        time_step = self._world.begin(EpisodeBatch(Purpose.TRAINING, self._episode, 1))
        self._episode += 1
        self.agents = list(self.possible_agents)
        self._available = time_step.available_actions[:, 0].copy()
        return self._observations(time_step), self._infos(time_step)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Take one environment step.

        actions: one for every agent. Returns observations, rewards, terminations, truncations and infos by agent.
        Raises WorldError when no episode is running or an agent's action is missing, and UnavailableActionError when
        an action's mask is 0 (unless unavailable="stop").
        """
        if self._world is None or not self.agents:
            raise WorldError("The episode is over or was never begun: call reset before step.")
        time_step = self._world.step(self._numbers(actions)[:, None])
        self._available = time_step.available_actions[:, 0].copy()
        terminated, truncated = bool(time_step.terminated[0]), bool(time_step.truncated[0])
        own, team = time_step.individual_rewards[:, 0].tolist(), float(self._team.time_step.team_reward[0])
        rewards = own if self._reward is Reward.INDIVIDUAL else [team] * self.spec.n_agents
        results = (
            self._observations(time_step),
            dict(zip(self.agents, rewards, strict=True)),
            dict.fromkeys(self.agents, terminated),
            dict.fromkeys(self.agents, truncated),
            self._infos(time_step),
        )
        if terminated or truncated:
            self.agents = []
        return results

    def state(self) -> Floats:
        """Return the global state, [state_dim] float32. Raises WorldError before the first reset."""
        if self._world is None:
            raise WorldError("There is no state before the first episode: call reset first.")
        state: Floats = self._team.time_step.state[0].copy()
        return state

    def render(self) -> None:
        """Do nothing: `fedqmix watch` shows episodes."""

    def close(self) -> None:
        """Release the world; the next reset builds another one."""
        if self._world is not None:
            self._world.close()
        self._world, self.agents = None, []

    def _set_seed(self, seed: int) -> None:
        self.close()
        self._seed, self._episode = seed, 0

    def _observation_space(self) -> spaces.Dict:
        spec = self.spec
        return spaces.Dict(
            {
                "observation": spaces.Box(-np.inf, np.inf, (spec.obs_dim,), np.float32),
                "action_mask": spaces.Box(0, 1, (spec.n_actions,), np.int8),
            }
        )

    def _observations(self, time_step: TimeStep) -> dict[str, Observation]:
        masks = time_step.available_actions[:, 0].astype(np.int8)
        return {
            agent: {"observation": time_step.observations[number, 0].copy(), "action_mask": masks[number]}
            for number, agent in enumerate(self.agents)
        }

    def _infos(self, time_step: TimeStep) -> dict[str, dict[str, Any]]:
        won, team = bool(time_step.won[0]), float(self._team.time_step.team_reward[0])
        own = time_step.individual_rewards[:, 0].tolist()
        return {
            agent: {"individual_reward": own[number], "team_reward": team, "battle_won": won}
            for number, agent in enumerate(self.agents)
        }

    def _numbers(self, actions: dict[str, int]) -> Integers:
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise WorldError(f"Every agent needs an action; none was passed for {', '.join(missing)}.")
        numbers = np.array([int(actions[agent]) for agent in self.agents], dtype=np.int64)
        inside = (numbers >= 0) & (numbers < self.spec.n_actions)
        allowed = self._available[np.arange(numbers.size), np.where(inside, numbers, 0)] & inside
        if self._unavailable is Unavailable.REFUSE and not allowed.all():
            agent = int(np.flatnonzero(~allowed)[0])
            choices = ", ".join(str(action) for action in np.flatnonzero(self._available[agent]))
            raise UnavailableActionError(
                f"agent_{agent} cannot take action {numbers[agent]}; its action_mask allows {choices}."
            )
        return np.where(allowed, numbers, self._available.argmax(-1))  # the first allowed one: no-op or stop


class _TeamView:
    """A TeamSink that keeps the last TeamTimeStep."""

    time_step: TeamTimeStep

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self.time_step = time_step

    def record(self, time_step: TeamTimeStep) -> None:
        self.time_step = time_step
