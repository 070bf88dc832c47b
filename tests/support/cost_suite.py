"""A suite in which no episode is won and every return is negative: the toy world, where each step costs the team.

It takes the place of env=skirmish, with the one task "toy".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from fedqmix.conf.schema import EnvConfig, EvaluationConfig
from fedqmix.envs import registry
from fedqmix.runtime.core.world import EpisodeBatch, Integers, Score, TeamSink, TeamSpec, TeamTimeStep, TimeStep
from support.toy_world import ToyWorld, toy_spec

TASK = "toy"
COST = 20.0
"""Of an environment step of a running episode; more than the team can earn in it."""
SPEC = replace(toy_spec(), score=Score.RETURN)


class CostWorld:
    """See the module. Fits runtime.core.world.LocalWorld; nothing of it can be drawn."""

    spec, game = SPEC, "a costly toy"

    def __init__(self, seed: int, sink: TeamSink) -> None:
        self._toy = ToyWorld(SPEC, seed, CostSink(sink))

    def begin(self, batch: EpisodeBatch) -> TimeStep:
        self._running = np.ones(batch.count, np.bool_)
        return self._toy.begin(batch)

    def step(self, actions: Integers) -> TimeStep:
        time_step = self._toy.step(actions)
        rewards = time_step.individual_rewards - COST / SPEC.n_agents * self._running
        self._running = ~(time_step.terminated | time_step.truncated)
        nothing = np.zeros_like(time_step.won)
        return time_step._replace(individual_rewards=rewards.astype(np.float32), won=nothing)

    def close(self) -> None:
        self._toy.close()


class CostSink:
    """Passes on what the mixer's side gets, with the costs."""

    def __init__(self, sink: TeamSink) -> None:
        self._sink = sink

    def begin(self, batch: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self._running = np.ones(batch.count, np.bool_)
        self._sink.begin(batch, time_step)

    def record(self, time_step: TeamTimeStep) -> None:
        reward = (time_step.team_reward - COST * self._running).astype(np.float32)
        self._running = ~(time_step.terminated | time_step.truncated)
        self._sink.record(time_step._replace(team_reward=reward, won=np.zeros_like(time_step.won)))


class CostSuite:
    """See the module. Fits envs.suite.Suite."""

    replayable = False
    open_names = False

    def tasks(self) -> Sequence[str]:
        return [TASK]

    def spec(self, task: str, options: EnvConfig) -> TeamSpec:
        return SPEC

    def make(self, task: str, options: EnvConfig, seed: int, sink: TeamSink, threads: int) -> CostWorld:
        return CostWorld(seed, sink)

    def require(self, task: str, options: EnvConfig) -> None:
        pass

    def check(self, options: EnvConfig, evaluation: EvaluationConfig) -> None:
        pass

    def agent_types(self, task: str, options: EnvConfig) -> list[str]:
        return ["toy"] * SPEC.n_agents


SUITE = CostSuite()


@contextmanager
def installed() -> Iterator[None]:
    """Let env=skirmish be this suite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast(dict[str, str], registry.SUITES), "skirmish", f"{__name__}:SUITE")
        registry.find_suite.cache_clear()
        yield
    registry.find_suite.cache_clear()
