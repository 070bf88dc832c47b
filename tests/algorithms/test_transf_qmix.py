"""TransfQMix: its recurrent mixer over packed episodes, teams of any size, and agents that do not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.transf_qmix.mixer import RECURRENT, TransformerMixer
from fedqmix.envs import team_spec
from fedqmix.networks.contract import ENTITY_SPEC
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.timeline import Timeline, timeline
from support.toy_team import algorithm
from support.worlds import options

ORDER = timeline(np.array([3, 2, 1], np.int64))
AGENTS, WIDTH = 3, algorithm("transf_qmix").token_width
NAMES = ["transf_qmix", "transf_state"]


def half(name: str = "transf_qmix", seed: int = 2, **changes: Any):
    return make_team_half(ALGORITHMS[name], algorithm(name, **changes), ENTITY_SPEC, seed=seed)


def drawn(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def transitions(order: Timeline = ORDER, states: torch.Tensor | None = None, **changes: Any) -> TeamTransitions:
    table = drawn(order.moments, ENTITY_SPEC.state_dim) if states is None else states
    after = np.arange(order.batch, order.moments)
    rewards = drawn(order.transitions, seed=6)
    return TeamTransitions(table, order.taken, after, rewards, torch.ones(order.transitions), order, **changes)


def rows(name: str) -> dict[str, torch.Tensor]:
    of_both = {"q_taken": drawn(AGENTS, ORDER.transitions, seed=7), "q_next": drawn(AGENTS, ORDER.transitions, seed=8)}
    if name == "transf_state":
        return of_both
    seeds = {"embedding": 9, "embedding_target": 10}
    return of_both | {key: drawn(AGENTS, ORDER.moments, WIDTH, seed=seed) for key, seed in seeds.items()}


@torch.no_grad()
def stepwise(mixer: TransformerMixer, states: torch.Tensor, embeddings: torch.Tensor | None, q: torch.Tensor) -> list:
    """Q_total of one episode by its equations, moment by moment. states: [time, dim]. q: [time, agents]."""
    recurrent, found = torch.zeros(RECURRENT, WIDTH), []
    flags = torch.tensor([[1.0], [1.0], [1.0], [0.0], [0.0]])
    for time, state in enumerate(states):
        entities = mixer.embed(torch.cat([state.view(5, 2), flags], dim=1))
        parts = [entities, recurrent] if embeddings is None else [entities, embeddings[:, time], recurrent]
        tokens = mixer.blocks(torch.cat(parts).unsqueeze(0), None)[0]
        recurrent = tokens[-RECURRENT:]
        weights = tokens[:AGENTS] if embeddings is None else tokens[-RECURRENT - AGENTS : -RECURRENT]
        hidden = torch.nn.functional.elu(q[time] @ weights.abs() + recurrent[0])
        found.append(float((hidden * recurrent[1].abs()).sum() + mixer.value(recurrent[2]).relu()))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_each_episode_by_itself(name: str) -> None:
    """Packed episodes of several lengths: the recurrent tokens are an episode's own, three from the first moment on."""
    mixer, given, seen = half(name).mixer, rows(name), transitions()
    embeddings = given.get("embedding")
    q = drawn(AGENTS, ORDER.moments, seed=11)
    values = mixer(seen.states, ORDER, embeddings, None).total(q)[0]
    for episode in range(ORDER.batch):
        own = torch.from_numpy(np.flatnonzero(ORDER.moment_episode == episode))
        alone = None if embeddings is None else embeddings[:, own]
        expected = stepwise(mixer, seen.states[own], alone, q[:, own].t())
        assert values[own].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_the_td_error_of_the_two_mixers(name: str) -> None:
    """One-step targets: the online mixer at the moments of actions, the target's at those after them."""
    online, target = half(name, td_lambda=0.0), half(name, seed=3, td_lambda=0.0)
    given, seen, gamma = rows(name), transitions(), online.settings.gamma
    q = torch.zeros(AGENTS, ORDER.moments)
    q[:, torch.from_numpy(ORDER.taken)] = given["q_taken"]
    taken = online.mixer(seen.states, ORDER, given.get("embedding"), None).total(q)[0, torch.from_numpy(ORDER.taken)]
    q[:, ORDER.batch :] = given["q_next"]
    after = target.mixer(seen.states, ORDER, given.get("embedding_target"), None).total(q)[0, ORDER.batch :]
    expected = (taken - seen.rewards - gamma * after).square().mean()
    assert float(online.loss(target, given, seen)[0]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_mixer_is_monotone(name: str) -> None:
    q = drawn(AGENTS, ORDER.moments).requires_grad_()
    mixer = half(name).mixer
    torch.autograd.backward(mixer(transitions().states, ORDER, rows(name).get("embedding"), None).total(q).sum())
    assert q.grad is not None
    assert (q.grad > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_mixer_fits_teams_of_any_size(name: str) -> None:
    """Also in worlds whose states hold last actions, of which there are more with more enemies."""
    few, many = (
        make_team_half(ALGORITHMS[name], algorithm(name), team_spec(map, options()), seed=1) for map in ("3m", "8m")
    )
    many.load_state_dict(few.state_dict())
    assert sum(value.numel() for value in few.parameters()) == sum(value.numel() for value in many.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_agents_that_do_not_exist_change_nothing(name: str) -> None:
    exists = torch.ones(AGENTS, ORDER.transitions, dtype=torch.bool)
    exists[1, ORDER.moment_episode[ORDER.taken] == 0] = False
    seen, given, first = transitions(exists=exists), rows(name), torch.from_numpy(ORDER.moment_episode == 0)
    loss = half(name).loss(half(name, seed=3), given, seen)[0]
    states = seen.states.clone()
    states[first, 2:4] = 7.0
    changed = dict(given)
    for key in ("q_taken", "q_next"):
        changed[key] = given[key].masked_fill(~exists, 99.0)
    for key in given.keys() - {"q_taken", "q_next"}:
        changed[key] = given[key].clone()
        changed[key][1, first] = 7.0
    again = half(name).loss(half(name, seed=3), changed, seen._replace(states=states))[0]
    assert float(loss) == pytest.approx(float(again), abs=1e-6)
    everyone = half(name).loss(half(name, seed=3), given, transitions())[0]
    assert float(loss) != pytest.approx(float(everyone), abs=1e-6)


def test_features_of_another_width_are_refused_at_composition() -> None:
    found = compose(["algorithm=transf_qmix", "model=transformer"])
    assert (found.algorithm.token_width, found.model.hidden, found.algorithm.mixer_blocks) == (32, 32, 2)
    assert compose(["algorithm=transf_state", "algorithm.token_width=16"]).model.hidden == 64
    with pytest.raises(ConfigurationError, match=r"token_width=16 must be the width of the agents' features.*=32"):
        compose(["algorithm=transf_qmix", "model=transformer", "algorithm.token_width=16"])
    with pytest.raises(ConfigurationError, match="this world has no entities: its state"):
        compose(["algorithm=transf_qmix", "env=rware", "map=rware-tiny-2ag-v2"])


def test_nothing_beyond_qmix_is_disclosed_by_the_variant() -> None:
    assert ALGORITHMS["transf_state"].rows == ALGORITHMS["qmix"].rows
    settings, spec = algorithm("transf_qmix", token_width=32), replace(ENTITY_SPEC)
    sized = {row.name: row.bytes for row in ALGORITHMS["transf_qmix"].sized_rows(spec, settings)}
    assert sized == {"q_taken": 4, "q_next": 4, "embedding": 128, "embedding_target": 128}
