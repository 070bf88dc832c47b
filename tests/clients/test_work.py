"""How much work a training step is, in numbers that no other process can change: calls, and bytes asked for.

They guard its speed: a copy of the episodes, a loop in Python or padding that is computed shows here. A change that
needs more work than this should say what it buys.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from fedqmix.algorithms.q_learning.kernels import learning as mixing
from fedqmix.clients.acting import Actor
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.learning import train_step
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks.gru_kernels import gradient, networks
from fedqmix.networks.gru_kernels.forward import ROWS
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamSpec, TimeStep
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from support.episodes import random_episode, store
from support.toy_team import CPU, algorithm
from support.toy_world import toy_spec

SPEC = toy_spec(n_agents=4, n_actions=6, limit=30)
BATCH = 3 * ROWS
TORCH_CALLS = 1600  # of a training step, one within another; counted 1,441


class Count:
    """Counts the calls of a function, which still happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> None:
        self.calls, function = 0, getattr(place, name)

        def counted(*arguments):
            self.calls += 1
            return function(*arguments)

        monkeypatch.setattr(place, name, counted)


def team(lengths: list[int], spec: TeamSpec = SPEC) -> tuple[AgentStack, TeamLearner]:
    """Agents and mixer's side with one batch of episodes, which is learned from again and again."""
    settings = algorithm(batch_size=len(lengths), buffer_size=2 * len(lengths), target_update_interval=1000)
    model = ModelConfig(name="gru", hidden=16, initialisation="orthogonal", agent_id=True, last_action=True)
    agents = AgentStack(range(spec.n_agents), spec, model, settings, 5, CPU)
    learner = TeamLearner(spec, settings, TeamRecords(spec, 2 * len(lengths), CPU), 5, CPU)
    random = np.random.default_rng(3)
    store([random_episode(random, spec, length, True) for length in lengths], agents, learner)
    for _ in range(2):  # what is made once is made now
        train_step(agents, learner)
    return agents, learner


def bytes_asked_for(agents: AgentStack, learner: TeamLearner) -> int:
    """The most that one training step holds beyond what was there before: numpy's and Python's, and torch's in all.

    It comes out a little different each time, as Python's own objects come and go.
    """
    with torch.profiler.profile(profile_memory=True) as profile:
        train_step(agents, learner)
    of_torch = sum(max(event.self_cpu_memory_usage, 0) for event in profile.key_averages())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    train_step(agents, learner)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return of_torch + peak


def test_a_step_is_one_kernel_forward_and_one_back_for_each_agent_and_block(monkeypatch):
    agents, learner = team([SPEC.episode_limit] * BATCH)
    forward, back = Count(monkeypatch, gradient, "values"), Count(monkeypatch, gradient, "gradients")
    mixed = Count(monkeypatch, mixing, "learn")
    train_step(agents, learner)
    assert forward.calls == back.calls == SPEC.n_agents * BATCH // ROWS
    assert mixed.calls == mixing.PARTS


@pytest.mark.parametrize("length", [3, 30])
def test_calls_of_torch_do_not_grow_with_episodes(length):
    agents, learner = team([length] * BATCH)
    with torch.profiler.profile() as profile:
        train_step(agents, learner)
    calls = sum(event.count for event in profile.key_averages() if event.key.startswith("aten::"))
    assert calls <= TORCH_CALLS


def test_episodes_are_read_where_they_lie():
    """A step asks for less than a copy of the observations it learns from."""
    spec = toy_spec(n_agents=4, n_actions=40, limit=30)
    agents, learner = team([spec.episode_limit] * BATCH, spec)
    moments = BATCH * (spec.episode_limit + 1)
    assert bytes_asked_for(agents, learner) < 0.8 * moments * spec.n_agents * spec.obs_dim * 4


def test_steps_that_are_over_ask_for_nothing():
    whole, half = ([SPEC.episode_limit] * BATCH, [SPEC.episode_limit] * (BATCH // 2) + [1] * (BATCH // 2))
    assert bytes_asked_for(*team(half)) < 0.75 * bytes_asked_for(*team(whole))


def test_a_step_asks_for_the_same_whatever_the_buffers_size():
    small, large = toy_spec(4, 6, 30), toy_spec(4, 6, 300)
    asked = [bytes_asked_for(*team([20] * BATCH, spec)) for spec in (small, large)]
    assert asked[1] <= 1.1 * asked[0]


def test_acting_is_one_kernel_a_moment_for_all_episodes_and_agents(monkeypatch):
    agents, _ = team([3] * BATCH)
    acted = Count(monkeypatch, networks, "act")
    batch = EpisodeBatch(Purpose.TRAINING, 0, 200)
    actor = Actor(agents, batch, 0.5)
    shape = (SPEC.n_agents, batch.count)

    nothing = np.zeros(batch.count, np.bool_)
    time_step = TimeStep(
        observations=np.zeros((*shape, SPEC.obs_dim), np.float32),
        available_actions=np.ones((*shape, SPEC.n_actions), np.bool_),
        individual_rewards=np.zeros(shape, np.float32),
        terminated=nothing,
        truncated=nothing,
        won=nothing,
        broken=nothing,
        exists=np.ones(shape, np.bool_),
    )
    for time in range(5):
        actor.act(time_step, time)
    assert acted.calls == 5
