"""torch computes the same bits in any thread, and from numbers anywhere in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows
from fedqmix.clients.rounds import collect
from fedqmix.clients.rows import backward_batched
from fedqmix.conf.schema import ModelConfig
from fedqmix.runtime.core.rows import differentiable
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec
from support.toy_team import CPU, algorithm, make_learner
from support.toy_world import ToyWorld

SPEC = TeamSpec("toy", 3, 9, Flat(12), Flat(5), 60)
MODEL = ModelConfig(name="gru", hidden=16, initialisation="uniform", agent_id=True, last_action=True)
TOGETHER = {"parallel_episodes": 8, "batch_size": 8, "buffer_size": 8, "epsilon_finish": 1.0}

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: torch has no second thread to use")


@pytest.fixture
def agents() -> AgentStack:
    settings = algorithm(name="ippo", **TOGETHER)
    made = AgentStack((0, 1, 2), SPEC, MODEL, settings, 5, CPU)
    collect(made, ToyWorld(SPEC, 5, make_learner(SPEC, settings).records))
    return made


def in_a_new_thread(work: Callable[[], list[torch.Tensor]]) -> list[torch.Tensor]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(120)


def test_rows_and_gradients(agents: AgentStack) -> None:
    episodes = sample_episodes(agents.ring, np.argsort(-agents.ring.lengths(np.arange(8)), kind="stable"))

    def learned() -> list[torch.Tensor]:
        agents.train_state.zero_gradients()
        computed = agent_rows(agents, episodes)
        given = {name: torch.ones_like(computed.rows[name]) for name in differentiable(agents.half.rows)}
        backward_batched([(computed, given)])
        return [*computed.rows.values(), *(value.grad.clone() for value in agents.online.values())]

    here, there = learned(), in_a_new_thread(learned)
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))


@pytest.mark.parametrize("offset", range(1, 16))
def test_numbers_that_lie_elsewhere_in_memory(agents: AgentStack, offset: int) -> None:
    """Received gradients begin at any byte of a message; an agent's parameters, at another one in every stack."""
    episodes = sample_episodes(agents.ring, np.argsort(-agents.ring.lengths(np.arange(8)), kind="stable"))

    def learned(offset: int) -> list[torch.Tensor]:
        state = agents.train_state
        state.online = {name: moved(value.detach(), offset).requires_grad_() for name, value in state.online.items()}
        for value in state.online.values():
            value.grad = torch.zeros_like(value)
        computed = agent_rows(agents, episodes)
        random = torch.Generator().manual_seed(3)
        rows = {name: computed.rows[name] for name in differentiable(agents.half.rows)}
        given = {name: moved(torch.randn(row.shape, generator=random), offset) for name, row in rows.items()}
        backward_batched([(computed, given)])
        return [*computed.rows.values(), *(value.grad for value in agents.online.values())]

    here, there = learned(0), learned(offset)
    assert all(torch.equal(one, other) for one, other in zip(here, there, strict=True))


def moved(value: torch.Tensor, offset: int) -> torch.Tensor:
    """Return a copy that begins `offset` numbers behind an aligned place."""
    return torch.empty(value.numel() + offset, dtype=value.dtype)[offset:].view_as(value).copy_(value)
