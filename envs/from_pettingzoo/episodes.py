"""The episodes of one parallel environment as a team sees them; they are played in a worker process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from fedqmix.envs.code_suite import Sizes
from fedqmix.envs.from_pettingzoo import messages as m
from fedqmix.envs.from_pettingzoo.spaces import AgentSpaces, require_finite
from fedqmix.envs.workers.messages import BEGIN, Arrays, Facts, Sight
from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.runtime.core.own_code import own_object
from fedqmix.runtime.core.world import Floats, Integers

NO_OP = 0


class ParallelEpisodes:
    """The episodes of a parallel environment, one after another. Implements envs.workers.serving.Player.

    Agents have the order of `possible_agents`. Shorter observations are padded with zeros, fewer actions with
    unavailable ones. An agent that has ended, or takes no part in an episode, observes zeros and has only action 0,
    which the environment does not get. Errors of the environment are raised as they are.
    """

    def __init__(self, job: m.Job) -> None:
        """Make the environment. Raises ConfigurationError for code that is not a function of a parallel environment."""
        self._job = job
        made = own_object("env.code", job.code)
        if not callable(made):
            raise ConfigurationError(f"env.code={job.code} is not a function.")
        self._env = env = made()
        if hasattr(env, "agent_iter") or not hasattr(env, "possible_agents"):
            raise ConfigurationError(
                f"env.code={job.code} returns a {type(env).__name__}, which is not a ParallelEnv of PettingZoo "
                "(pettingzoo.utils.conversions.aec_to_parallel makes one from an AECEnv)."
            )
        self._agents = [
            AgentSpaces(agent, env.observation_space(agent), env.action_space(agent)) for agent in env.possible_agents
        ]
        self._n_actions = max(agent.n_actions for agent in self._agents)
        self._obs_dim = max(agent.obs_dim for agent in self._agents)
        self._has_state = job.state == "environment" and hasattr(env, "state")
        self._state_dim: int | None = None  # of the first state

    def answer(self, asked: str, facts: Facts, arrays: Arrays) -> tuple[Facts, Arrays]:
        """Answer SIZES, BEGIN or STEP. Raises WorldError for numbers that are not finite or of another length."""
        if asked == m.SIZES:
            return self._sizes(), {}
        sight = self.begin(facts[m.SEED]) if asked == BEGIN else self.step(arrays["actions"])
        return sight.encode()

    def begin(self, seed: int) -> Sight:
        """Begin an episode. seed: fixes its random draws, also those by Python's and NumPy's global generators."""
        random.seed(seed)
        np.random.seed(seed)
        seen, infos = self._env.reset(seed=seed)
        self._steps = 0
        self._living = set(self._env.agents)
        self._exists = np.array([one.agent in self._living for one in self._agents])
        return self._sight(seen, infos, set())

    def step(self, actions: Integers) -> Sight:
        """Take one environment step. actions: [agents]."""
        playing = self._living
        chosen = {
            one.agent: one.action(int(action))
            for one, action in zip(self._agents, actions, strict=True)
            if one.agent in playing
        }
        seen, rewards, terminations, truncations, infos = self._env.step(chosen)
        self._steps += 1
        told = {"reward": rewards, "termination": terminations, "truncation": truncations}
        for what, by_agent in told.items():
            if missing := sorted(playing - set(by_agent)):
                raise WorldError(f"the environment returned no {what} of agent {missing[0]}, which has not ended.")
        cut = {agent for agent in playing if truncations.get(agent) and not terminations.get(agent)}
        self._living = {agent for agent in playing & set(self._env.agents) - cut if not terminations.get(agent)}
        limited = bool(self._living) and self._steps >= self._limit
        over = limited or not self._living
        sight = self._sight(seen, infos, cut if over else set())
        sight.truncated = limited or (over and bool(cut))
        sight.terminated = over and not sight.truncated
        sight.won = sight.terminated and self._won(infos)
        sight.individual_rewards = self._rewards({agent: rewards[agent] for agent in playing})
        total = float(sight.individual_rewards.sum(dtype=np.float64))
        sight.team_reward = total / len(self._agents) if self._job.team_reward == "mean" else total
        return sight

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    @property
    def _limit(self) -> int:
        assert self._job.episode_limit is not None
        return self._job.episode_limit

    def _sight(self, seen: Mapping[str, Any], infos: Mapping[str, Any], cut: set[str]) -> Sight:
        """Return what the living agents see, and those that were truncated with the episode (from which it goes on)."""
        observations = np.zeros((len(self._agents), self._obs_dim), np.float32)
        available = np.zeros((len(self._agents), self._n_actions), np.bool_)
        for row, one in enumerate(self._agents):
            if one.agent in self._living and one.agent not in seen:
                raise WorldError(f"the environment returned no observation of agent {one.agent}, which has not ended.")
            if one.agent not in seen or one.agent not in self._living | cut:
                available[row, NO_OP] = True
                continue
            observations[row, : one.obs_dim] = one.vector(seen[one.agent])
            known = one.agent in self._living  # an agent that has ended needs no mask, so environments may give none
            mask = one.mask(seen[one.agent], infos.get(one.agent, {})) if known else True
            available[row, : one.n_actions] = mask
        nothing = np.zeros(len(self._agents), np.float32)
        return Sight(observations, available, self._state(observations), 0.0, nothing, self._exists)

    def _state(self, observations: Floats) -> Floats:
        """Return the environment's state, or all observations where it has none: [state_dim]."""
        state = observations.reshape(-1)
        if self._has_state:
            try:
                state = np.asarray(self._env.state(), np.float32).reshape(-1)
            except NotImplementedError:  # PettingZoo's own answer where an environment has none
                self._has_state = False
        if self._state_dim not in (None, state.size):
            raise WorldError(f"the environment's state has {state.size} numbers, and had {self._state_dim} before.")
        self._state_dim = state.size
        require_finite(state, "the environment's state")
        return state

    def _rewards(self, rewards: Mapping[str, Any]) -> Floats:
        """Return the rewards: [agents]. Agents that have ended, or are absent, earn 0 whatever the environment says."""
        found = np.array([rewards.get(one.agent, 0) for one in self._agents], np.float32)
        for one, reward in zip(self._agents, found, strict=True):
            require_finite(reward[None], f"the reward of agent {one.agent} in environment step {self._steps}")
        return found

    def _won(self, infos: Mapping[str, Any]) -> bool:
        return self._job.score == "win_rate" and any(bool(info.get("won")) for info in infos.values())

    def _sizes(self) -> Facts:
        """Return the sizes; an episode is begun, as only it shows the state."""
        state = self.begin(0).state
        found = getattr(getattr(self._env, "unwrapped", self._env), "max_cycles", None)
        limit = found if isinstance(found, int) and found > 0 else None
        sizes = Sizes(len(self._agents), self._n_actions, self._obs_dim, state.size, limit)
        return {**sizes._asdict(), m.NAME: str(self._env)}
