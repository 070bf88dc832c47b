"""The learner's kernels at sizes at which they part their work: blocks of episodes, chunks of time, threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows, train_step
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks.gru_kernels.backward import CHUNK
from fedqmix.networks.gru_kernels.forward import ROWS
from fedqmix.runtime.kernels.thread_pool import ThreadPool
from fedqmix.runtime.storage.draw import slots_to_learn_from
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from support.episodes import in_double, random_episode, store, without_kernels
from support.toy_team import CPU, algorithm
from support.toy_world import toy_spec

SPEC = toy_spec(n_agents=3, n_actions=6, limit=11)
BATCH = 2 * ROWS + 7


def team(double: bool, hidden: int = 20, agent_id: bool = True, **settings):
    """A stack of agents and their mixer's side, with a batch and a half of random episodes."""
    chosen = algorithm(batch_size=BATCH, buffer_size=2 * BATCH, mixing_embed=10, hypernetwork_hidden=12, **settings)
    agents = AgentStack(
        range(3),
        SPEC,
        ModelConfig(name="gru", hidden=hidden, initialisation="uniform", agent_id=agent_id, last_action=True),
        chosen,
        5,
        CPU,
    )
    learner = TeamLearner(SPEC, chosen, TeamRecords(SPEC, 2 * BATCH, CPU), 5, CPU)
    if double:
        in_double(agents, learner)
    random = np.random.default_rng(3)
    lengths = random.integers(1, SPEC.episode_limit + 1, 3 * BATCH // 2)
    store([random_episode(random, SPEC, int(length), bool(length % 2)) for length in lengths], agents, learner)
    return agents, learner


def drawn(agents):
    return sample_episodes(agents.ring, slots_to_learn_from(agents.ring, BATCH, 1, 0))


def outcome(agents, learner):
    """Everything that a step of learning changes."""
    return {**agents.state(), **{f"team.{name}": value for name, value in learner.state().items()}}


@pytest.mark.slow  # in float64, for which all kernels are compiled anew
@pytest.mark.parametrize("agent_id", [True, False])
@pytest.mark.parametrize("hypernetwork_layers", [1, 2])
def test_blocks_and_chunks_add_up_to_what_torch_finds(hypernetwork_layers, agent_id):
    found = []
    for compiled in (True, False):
        agents, learner = team(double=True, agent_id=agent_id, hypernetwork_layers=hypernetwork_layers)
        if not compiled:
            without_kernels(agents, learner)
        assert drawn(agents).timeline.moments > 2 * CHUNK
        for _ in range(2):
            train_step(agents, learner)
        found.append(outcome(agents, learner))
    kernels, torchs = found
    assert kernels.keys() == torchs.keys()
    for name, value in kernels.items():
        largest = max(float(value.abs().max()), 1e-3)
        assert float((value - torchs[name]).abs().max()) < 1e-9 * largest, name


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(ThreadPool, "usual", threads)
        agents, learner = team(double=False)
        assert len(agents.compiled.thread_pool._orders) == threads - 1
        for _ in range(3):
            train_step(agents, learner)
        found.append(outcome(agents, learner))
    for other in found[1:]:
        assert all(torch.equal(value, other[name]) for name, value in found[0].items())


def test_q_values_whose_room_was_used_again_have_no_way_back():
    agents, _ = team(double=False)
    first = agent_rows(agents, drawn(agents))
    second = agent_rows(agents, drawn(agents))
    second.way_back({"q_taken": torch.ones_like(second.rows["q_taken"])})
    with pytest.raises(RuntimeError, match="other Q-values since"):
        first.way_back({"q_taken": torch.ones_like(first.rows["q_taken"])})


@pytest.mark.slow
def test_a_network_wider_than_any_block():
    agents, _ = team(double=True, hidden=150)
    other, learner = team(double=True, hidden=150)
    without_kernels(other, learner)
    ours, theirs = agent_rows(agents, drawn(agents)), agent_rows(other, drawn(other))
    for name in ("q_taken", "q_next"):
        assert float((ours.rows[name] - theirs.rows[name]).detach().abs().max()) < 1e-12
