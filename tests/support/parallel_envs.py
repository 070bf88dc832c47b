"""Parallel environments of PettingZoo for tests: one with everything that is allowed, and others that go wrong."""

from __future__ import annotations

import os
import time

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

SIZES = {"scout_0": (3, 3), "scout_1": (3, 3), "digger_0": (5, 2)}
"""Agent -> length of its observation, number of its actions."""


class Dig(ParallelEnv):
    """Agents of two kinds with masks, which leave one after another; scout_1 misses every third episode.

    The rewards are the actions, so that tests know them. An observation is the time, the mask's draw and noise.
    """

    metadata = {"name": "dig_v0"}  # noqa: RUF012

    def __init__(self, max_cycles: int = 12) -> None:
        self.possible_agents = list(SIZES)
        self.max_cycles = max_cycles

    def observation_space(self, agent):
        return spaces.Box(-np.inf, np.inf, (SIZES[agent][0],), np.float64)

    def action_space(self, agent):
        return spaces.Discrete(SIZES[agent][1], start=1)

    def reset(self, seed=None, options=None):
        self.random, self.time = np.random.default_rng(seed), 0
        absent = self.random.integers(3) == 0
        self.agents = [agent for agent in self.possible_agents if agent != "scout_1" or not absent]
        self.ends = {agent: int(self.random.integers(3, 2 * self.max_cycles)) for agent in self.agents}
        return self.seen(self.agents), self.infos(self.agents)

    def step(self, actions):
        assert set(actions) == set(self.agents)
        for agent, action in actions.items():
            assert self.masks[agent][action - 1], (agent, action)
        playing, self.time = self.agents, self.time + 1
        terminations = {agent: self.time >= self.ends[agent] for agent in playing}
        truncations = dict.fromkeys(playing, self.time >= self.max_cycles)
        self.agents = [agent for agent in playing if not (terminations[agent] or truncations[agent])]
        rewards = {agent: float(action) for agent, action in actions.items()}
        return self.seen(playing), rewards, terminations, truncations, self.infos(playing)

    def state(self):
        return np.array([self.time, *(agent in self.agents for agent in self.possible_agents)], np.float64)

    def seen(self, agents):
        return {agent: np.r_[self.time, self.random.random(SIZES[agent][0] - 1)] for agent in agents}

    def infos(self, agents):
        self.masks = {agent: self.random.random(SIZES[agent][1]) < 0.6 for agent in agents}
        for mask in self.masks.values():
            mask[-1] = True
        return {agent: {"action_mask": mask.astype(np.int8), "won": True} for agent, mask in self.masks.items()}


class Masked(Dig):
    """The masks are in the observations, there is no state, and nothing names a limit."""

    def __init__(self) -> None:
        super().__init__()
        self.length, self.max_cycles = self.max_cycles, None

    def observation_space(self, agent):
        mask = spaces.Box(0, 1, (SIZES[agent][1],), np.int8)
        return spaces.Dict({"observation": super().observation_space(agent), "action_mask": mask})

    def reset(self, seed=None, options=None):
        self.max_cycles = self.length
        found = super().reset(seed)
        self.max_cycles = None
        return self.moved(*found)

    def step(self, actions):
        self.max_cycles = self.length
        seen, *rest, infos = super().step(actions)
        self.max_cycles = None
        seen, infos = self.moved(seen, infos)
        return seen, *rest, infos

    def moved(self, seen, infos):
        both = {a: {"observation": seen[a], "action_mask": infos[a].pop("action_mask")} for a in seen}
        return both, infos

    def state(self):
        raise NotImplementedError


class Failing(Dig):
    """Goes wrong in its second step, in the way that a subclass names."""

    def go_wrong(self) -> None:
        raise ValueError("the digger broke its shovel")

    def step(self, actions):
        if self.time == 1:
            self.go_wrong()
        return super().step(actions)


class Hanging(Failing):
    def go_wrong(self) -> None:
        time.sleep(600)


class Exiting(Failing):
    def go_wrong(self) -> None:
        print("the shaft collapsed", flush=True)
        os._exit(7)


class NotFinite(Dig):
    def seen(self, agents):
        found = super().seen(agents)
        if self.time == 2 and "digger_0" in found:
            found["digger_0"][1] = np.nan
        return found


class Continuous(Dig):
    def action_space(self, agent):
        return spaces.Box(-1, 1, (2,))


class Endless(Dig):
    def observation_space(self, agent):
        return spaces.Sequence(spaces.Discrete(2))


def not_parallel():
    return object()


def broken():
    raise RuntimeError("no shovels")


not_a_function = 3


class Paid(Dig):
    """The environment goes on paying agents that have left, and those that are absent."""

    def step(self, actions):
        seen, rewards, *rest = super().step(actions)
        return seen, {**dict.fromkeys(self.possible_agents, 100.0), **rewards}, *rest


class Renamed(Dig):
    """The rewards have other names than the agents."""

    def step(self, actions):
        seen, rewards, *rest = super().step(actions)
        return seen, {name.upper(): reward for name, reward in rewards.items()}, *rest


class Shrinking(Dig):
    """The state is of the agents that are still there."""

    def state(self):
        return np.array([self.time, *(True for _ in self.agents)], np.float64)


class MistypedState(Dig):
    """The state's code has a mistake."""

    def state(self):
        return super().state() if self.time < 2 else self.tiem


class MaskedAndNamed(Masked):
    """Beside observation and mask, an observation holds a number of the agent."""

    def observation_space(self, agent):
        parts = super().observation_space(agent).spaces
        return spaces.Dict({**parts, "number": spaces.Discrete(3)})

    def moved(self, seen, infos):
        both, infos = super().moved(seen, infos)
        return {a: {**one, "number": self.possible_agents.index(a)} for a, one in both.items()}, infos
