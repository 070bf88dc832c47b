"""REFIL: its groups, drawn by both sides, its mixer over entities, and agents that do not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.refil import agent as agent_half
from fedqmix.algorithms.refil import groups, team
from fedqmix.algorithms.refil.groups import imagined_groups
from fedqmix.algorithms.refil.mixer import FlexMixer
from fedqmix.algorithms.refil.settings import FlexQmixSettings
from fedqmix.clients.agent_rows import Sampled
from fedqmix.clients.torch_rows import rows_of_stacks
from fedqmix.conf.registry import make_settings
from fedqmix.networks.contract import ENTITY_SPEC
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.entities import EntityTable
from fedqmix.runtime.core.episodes import StepDraws, TeamTransitions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.testing import AlgorithmContract
from support.entities import attention_model
from support.toy_team import algorithm

ORDER = timeline(np.array([3, 2, 1], np.int64))
AGENTS, ENTITIES = 3, 5


class Refil(AlgorithmContract):
    """A stack with random episodes; pytest collects no class of this name."""

    algorithm = ALGORITHMS["refil"]
    spec = ENTITY_SPEC
    model = attention_model()


def half(name: str = "refil", **changes: Any):
    return make_team_half(ALGORITHMS[name], algorithm(name, **changes), ENTITY_SPEC, seed=2)


def transitions(**changes: Any) -> TeamTransitions:
    random = torch.Generator().manual_seed(5)
    states = torch.randn(ORDER.moments, ENTITY_SPEC.state_dim, generator=random)
    states[::2, 8:] = 0  # the second enemy is dead
    rewards = torch.randn(ORDER.transitions, generator=random)
    after = np.arange(ORDER.batch, ORDER.moments)
    made = TeamTransitions(states, ORDER.taken, after, rewards, torch.ones(ORDER.transitions), ORDER)
    return made._replace(draws=StepDraws(1, 0), **changes)


def rows() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(6)
    names = "q_taken", "q_within", "q_across", "q_next"
    return {name: torch.randn(AGENTS, ORDER.transitions, generator=random) for name in names}


def test_groups_are_drawn_anew_for_every_episode_step_and_run() -> None:
    drawn = [imagined_groups(StepDraws(*key), 64, 9) for key in ((1, 0), (1, 1), (2, 0))]
    assert drawn[0].shape == (64, 9)
    assert np.array_equal(drawn[0], imagined_groups(StepDraws(1, 0), 64, 9))
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    shares = imagined_groups(StepDraws(3, 0), 4000, 9).mean(1)
    assert shares.mean() == pytest.approx(0.5, abs=0.02)
    # p is drawn once for an episode, so sizes 0 to 9 of a group are equally frequent
    assert np.bincount((9 * shares).round().astype(int)) / 4000 == pytest.approx(np.full(10, 0.1), abs=0.025)


def test_both_sides_have_the_same_groups() -> None:
    """What an agent hides, and what the mixer hides from its row: by entity, transition by transition."""
    agents = Refil().stack((0, 1, 2))
    episodes = Refil().episodes(agents)
    hidden: list[torch.Tensor] = []
    network = agents.networks.network
    unroll = network.unroll_hidden

    def spying(parameters, seen, order, masks):
        hidden.extend(mask for mask in masks if mask is not None)
        return unroll(parameters, seen, order, masks)

    network.unroll_hidden = spying  # type: ignore[method-assign]
    agents.by_agent = False
    rows_of_stacks([Sampled(agents, episodes)])
    within, across = hidden
    assert torch.equal(within, ~across)
    order = episodes.timeline
    seen = TeamTransitions(
        torch.randn(order.moments, ENTITY_SPEC.state_dim),
        order.taken,
        np.arange(order.batch, order.moments),
        torch.zeros(order.transitions),
        torch.ones(order.transitions),
        order,
        draws=episodes.draws,
    )
    refil = half()
    together = refil._together(refil.mixer.scene(seen.states[order.taken], None), seen)
    assert torch.equal(together, across[:, torch.from_numpy(order.taken)].transpose(0, 1))
    assert together[:, range(3), range(3)].all(), "an agent is in its own group"


def test_several_runs_in_one_stack_have_groups_of_their_own() -> None:
    contract = Refil()
    stacks = [contract.stack((0, 1, 2)) for _ in range(2)]
    stacks[1].seed = 77
    for stack in stacks:
        stack.by_agent = False
    alone = [rows_of_stacks([Sampled(stack, contract.episodes(stack))])[0].rows for stack in stacks]
    joint = rows_of_stacks([Sampled(stack, contract.episodes(stack)) for stack in stacks])
    for own, found in zip(alone, joint, strict=True):
        for name, row in own.items():
            assert torch.allclose(row, found.rows[name], atol=1e-6), name
    episodes = contract.episodes(stacks[0])
    changed = rows_of_stacks([Sampled(stacks[0], episodes._replace(draws=StepDraws(1, 9)))])[0].rows
    assert not torch.allclose(alone[0]["q_within"], changed["q_within"])
    assert torch.allclose(alone[0]["q_taken"], changed["q_taken"])


def all_in_one_group(draws: StepDraws, episodes: int, entities: int) -> np.ndarray:
    return np.ones((episodes, entities), np.bool_)


def test_one_group_of_all_is_no_group(monkeypatch) -> None:
    """Within: what is seen without groups. Across: nothing, so 0 from the attention, whatever is there."""
    for module in (agent_half, team, groups):
        monkeypatch.setattr(module, "imagined_groups", all_in_one_group)
    agents = Refil().stack((0, 1, 2))
    agents.by_agent = False
    episodes = Refil().episodes(agents)
    found = rows_of_stacks([Sampled(agents, episodes)])[0].rows
    assert torch.equal(found["q_within"], found["q_taken"])
    blind = episodes._replace(observations=episodes.observations + 1)
    assert torch.equal(rows_of_stacks([Sampled(agents, blind)])[0].rows["q_across"], found["q_across"])
    given = rows() | {"q_across": torch.zeros(AGENTS, ORDER.transitions)}
    given["q_within"] = given["q_taken"]
    refil = half()
    _, figures = refil.loss(half(), given, transitions())
    assert figures["imagined_loss"] == pytest.approx(
        float(half("flex_qmix").loss(half("flex_qmix"), given, transitions())[0])
    )


@pytest.mark.parametrize(("weight", "figure"), [(0.0, "of_all"), (1.0, "imagined_loss"), (0.25, "both")])
def test_the_losses_are_weighted(weight: float, figure: str) -> None:
    loss, figures = half(imagined_weight=weight).loss(half(), rows(), transitions())
    of_all = half("flex_qmix").loss(half("flex_qmix"), rows(), transitions())[0]
    expected = (1 - weight) * of_all + weight * figures["imagined_loss"]
    assert float(loss) == pytest.approx(float(expected)), figure
    assert figures["loss"] == loss


def by_hand(mixer: FlexMixer, name: str, entities: torch.Tensor, readable: list[list[int]]) -> torch.Tensor:
    """One hypernetwork of one state by loops: [agents, outputs]. readable: of each agent."""
    net, heads = getattr(mixer, name), 2
    rows = torch.relu(net.embed(entities))
    found = []
    for agent, may_read in enumerate(readable):
        parts = []
        for head in range(heads):
            width = rows.shape[1] // heads
            own = slice(head * width, (head + 1) * width)
            query = net.queries(rows[agent])[own]
            logits = torch.stack([(query * net.keys(rows[j])[own]).sum() / width**0.5 for j in may_read])
            values = torch.stack([net.values(rows[j])[own] for j in may_read])
            parts.append((logits.softmax(0)[:, None] * values).sum(0))
        found.append(net.head(net.out(torch.cat(parts))))
    return torch.stack(found)


def test_the_mixer_is_its_equations() -> None:
    mixer, state, q = half("flex_qmix").mixer, torch.randn(1, 10), torch.tensor([[0.5], [-1.0], [2.0]])
    state[0, 6:8] = 0  # the first enemy is dead: no one reads it
    entities = torch.cat([state.view(5, 2), torch.tensor([[1.0], [1.0], [1.0], [0.0], [0.0]])], dim=1)
    readable = [[0, 1, 2, 4]] * 3
    first = by_hand(mixer, "weight_1", entities, readable).softmax(-1)
    bias = by_hand(mixer, "bias_1", entities, readable).mean(0)
    second = by_hand(mixer, "weight_2", entities, readable).mean(0).softmax(-1)
    value = by_hand(mixer, "value", entities, readable).mean()
    expected = (torch.nn.functional.elu(q[:, 0] @ first + bias) * second).sum() + value
    assert float(mixer(q, state)) == pytest.approx(float(expected), abs=1e-5)


def test_the_mixer_is_monotone_and_has_the_published_size() -> None:
    mixer, state = half("flex_qmix").mixer, torch.randn(20, 10)
    q = torch.randn(3, 20, requires_grad=True)
    torch.autograd.backward(mixer(q, state).sum())
    assert q.grad is not None
    assert (q.grad > 0).all()
    features = 52  # of an entity in 3-8sz, its last action among them
    table = EntityTable((tuple(range(features)),) * 2, own=(0,), numbers=((0, 1),))
    settings: FlexQmixSettings = algorithm("flex_qmix", mixer_width=128, mixer_heads=4, mixing_embed=32)
    wide = FlexMixer(replace(ENTITY_SPEC, state=Flat(features, entities=table)), settings)
    assert sum(value.numel() for value in wide.parameters()) == 306_304


@pytest.mark.parametrize("name", ["flex_qmix", "refil"])
def test_agents_that_do_not_exist_change_nothing(name: str) -> None:
    """Neither their Q-values nor their row of the state; the team of the others learns as if they were not there."""
    exists = torch.ones(AGENTS, ORDER.transitions, dtype=torch.bool)
    exists[1, ORDER.moment_episode[ORDER.taken] == 0] = False
    seen, given = transitions(exists=exists), rows()
    loss, _ = half(name).loss(half(name), given, seen)
    states = seen.states.clone()
    states[torch.from_numpy(ORDER.moment_episode == 0), 2:4] = 7.0
    changed = {key: row.masked_fill(~exists, 99.0).requires_grad_(key != "q_next") for key, row in given.items()}
    again, _ = half(name).loss(half(name), changed, seen._replace(states=states))
    assert float(loss) == pytest.approx(float(again), abs=1e-6)
    torch.autograd.backward(again)
    for key in ("q_taken", "q_within", "q_across") if name == "refil" else ("q_taken",):
        gradient = changed[key].grad
        assert gradient is not None
        assert not gradient[~exists].any()
        assert gradient[exists].all()
    everyone, _ = half(name).loss(half(name), given, transitions())
    assert float(loss) != pytest.approx(float(everyone), abs=1e-6)


def test_combinations_that_do_not_fit_are_refused_at_composition() -> None:
    words = {
        "algorithm=refil": r"algorithm=refil hides entities.*model=gru.*choose model=entity_attention or model=transf",
        "algorithm=refil model=mlp": "model=mlp reads the observation as one vector",
        "env=rware map=rware-tiny-2ag-v2 model=transformer": "this world has no entities: its observation",
        "env=rware map=rware-tiny-2ag-v2 algorithm=flex_qmix": "this world has no entities: its state",
        "algorithm=flex_qmix env.obs_instead_of_state=true": "this world has no entities: its state",
        "algorithm=flex_qmix algorithm.mixer_heads=3": r"mixer_heads=3 must divide.*mixer_width=128",
        "model=entity_attention model.attention_heads=5": r"attention_heads=5 must divide.*128",
    }
    for line, reason in words.items():
        with pytest.raises(ConfigurationError, match=reason):
            compose(line.split())
    assert compose(["algorithm=flex_qmix"]).model.name == "gru"
    assert compose(["algorithm=refil", "model=transformer"]).algorithm.imagined_weight == 0.5


def test_entities_without_numbers_have_no_groups() -> None:
    from fedqmix.algorithms.fitting import check_fit

    table = replace(ENTITY_SPEC.observation.entities, numbers=(), actions=())
    spec = replace(ENTITY_SPEC, observation=Flat(10, entities=table))
    settings = make_settings("algorithm", "refil", vars(algorithm("refil")), {})
    with pytest.raises(ConfigurationError, match=r"this world's observation does not have the same entity.*flex_qmix"):
        check_fit(ALGORITHMS["refil"], settings, attention_model(), spec)
    check_fit(ALGORITHMS["flex_qmix"], settings, attention_model(), spec)
