"""Networks over entities: their sizes, what they do not read, and the order of rows, which does not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedqmix.conf.schema import ModelConfig
from fedqmix.envs import team_spec
from fedqmix.networks import EntityAttention, Mlp, Network, Transformer, make_network
from fedqmix.networks.base import Parameters, Seen
from fedqmix.networks.contract import ENTITY_SPEC, ORDER, SPEC
from fedqmix.networks.ordinary import ordinary
from fedqmix.runtime.core.entities import EntityTable
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from support.entities import attention_model, transformer_model
from support.worlds import options

BOTH = [(EntityAttention, attention_model()), (Transformer, transformer_model())]
AGENTS = (0, 1, 2)


def drawn(network: Network) -> Parameters:
    return network.parameters(AGENTS, [np.random.default_rng(agent) for agent in AGENTS])


def seen(spec=ENTITY_SPEC, hidden: torch.Tensor | None = None) -> Seen:
    random = torch.Generator().manual_seed(3)
    observations = torch.randn(3, ORDER.moments, spec.obs_dim, generator=random)
    observations[:, ::2, 2:4] = 0  # the first other agent is not seen
    observations[:, ::3, 8:10] = 0  # nor the second enemy
    last = torch.randint(0, spec.n_actions, (3, ORDER.moments), generator=random)
    last[:, : ORDER.batch] = -1
    return Seen(observations, last, torch.arange(3), hidden)


def reordered(table: EntityTable, order: list[int]) -> EntityTable:
    """The same table with its rows in another order."""
    return EntityTable(
        tuple(table.source[row] for row in order),
        table.names,
        own=tuple(order.index(row) for row in table.own),
        numbers=tuple(tuple(numbers[row] for row in order) for numbers in table.numbers),
        actions=table.actions,
    )


@pytest.mark.parametrize(("kind", "model"), BOTH)
def test_the_order_of_rows_does_not_matter(kind, model) -> None:
    hidden = torch.rand(3, ORDER.moments, 5, generator=torch.Generator().manual_seed(1)) < 0.3
    found = []
    for order in ([0, 1, 2, 3, 4], [3, 1, 0, 4, 2]):
        table = reordered(ENTITY_SPEC.observation.entities, order)
        network = kind(replace(ENTITY_SPEC, observation=Flat(10, entities=table)), model)
        found.append(network.unroll(drawn(network), seen(hidden=hidden), ORDER))
    assert torch.allclose(*found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "model"), BOTH)
@pytest.mark.parametrize("number", range(5))
def test_hidden_entities_change_nothing(kind, model, number: int) -> None:
    """Agent by agent: the numbers of a hidden entity may be any. Its own row is hidden as others are."""
    network = kind(ENTITY_SPEC, replace(model, last_action=False))
    parameters, hidden = drawn(network), torch.zeros(3, ORDER.moments, 5, dtype=torch.bool)
    hidden[:, :, number] = True
    plain = seen(hidden=hidden)
    changed, shown = plain.observations.clone(), []
    table = ENTITY_SPEC.observation.entities
    for agent in AGENTS:
        row = table.numbers_of(agent).index(number)
        columns = [index for index in table.source[row] if index >= 0]
        changed[agent, :, columns] += 1.0
        own = row == table.own_row(agent)
        shown.append(own and kind is EntityAttention)
    found = [
        network.unroll(parameters, plain._replace(observations=each), ORDER) for each in (plain.observations, changed)
    ]
    without = network.unroll(parameters, plain._replace(observations=changed, hidden=None), ORDER)
    for agent in AGENTS:
        # the query is the own row; a token that is hidden from others still gives its own action's value
        targets = [action for action in (table.actions[number],) if action >= 0 and kind is Transformer]
        kept = [action for action in range(4) if action not in targets]
        if not shown[agent]:
            assert torch.allclose(found[0][agent][:, kept], found[1][agent][:, kept], atol=1e-6), agent
        assert not torch.allclose(without[agent], found[1][agent], atol=1e-4), "hiding must matter"


@pytest.mark.parametrize(("kind", "model"), BOTH)
def test_several_masks_at_once_are_each_by_itself(kind, model) -> None:
    network = kind(ENTITY_SPEC, model)
    parameters, mask = drawn(network), torch.rand(3, ORDER.moments, 5) < 0.5
    found = network.unroll_hidden(parameters, seen(), ORDER, [None, mask, ~mask])
    for outputs, hidden in zip(found, (None, mask, ~mask), strict=True):
        assert torch.equal(outputs, network.unroll(parameters, seen(hidden=hidden), ORDER))


def test_nothing_visible_gives_finite_values_and_gradients() -> None:
    network = EntityAttention(ENTITY_SPEC, attention_model())
    leaves = {name: value.requires_grad_() for name, value in drawn(network).items()}
    everything = torch.ones(3, ORDER.moments, 5, dtype=torch.bool)
    found = network.unroll(leaves, seen(hidden=everything), ORDER)
    nothing = {name: value.detach().clone() for name, value in leaves.items()}
    for name in ("embed.weight", "embed.bias", "attention.values.weight"):
        nothing[name].normal_()
    assert torch.equal(found, network.unroll(nothing, seen(hidden=everything), ORDER))
    torch.autograd.backward(found.sum())
    assert all(value.grad is None or torch.isfinite(value.grad).all() for value in leaves.values())


def test_rows_of_zeros_are_not_read_by_attention() -> None:
    """An unseen other agent is not a unit of health 0: a row's flags and tag alone are not read."""
    network = EntityAttention(ENTITY_SPEC, attention_model())
    parameters, unseen = drawn(network), seen()
    hidden = torch.zeros(3, ORDER.moments, 5, dtype=torch.bool)
    for agent in AGENTS:
        numbers = ENTITY_SPEC.observation.entities.numbers_of(agent)
        hidden[agent, ::2, numbers[1]] = hidden[agent, ::3, numbers[4]] = True
    assert torch.equal(
        network.unroll(parameters, unseen, ORDER), network.unroll(parameters, unseen._replace(hidden=hidden), ORDER)
    )


@pytest.mark.parametrize(
    ("row_width", "n_actions", "published"), [(52, 14, 106_574), (53, 14, 106_702), (68, 22, 109_142)]
)
def test_entity_attention_has_the_published_size(row_width: int, n_actions: int, published: int) -> None:
    """REFIL's agent for 3-8sz, 3-8csz and 3-8MMM: rows of d + A numbers (tags and availabilities are among the d)."""
    entities = 16
    table = EntityTable(
        (tuple(range(row_width - n_actions - entities)),) * entities,
        own=(0,),
        numbers=(tuple(range(entities)),),
    )
    spec = replace(SPEC, n_agents=8, n_actions=n_actions, observation=Flat(row_width, entities=table))
    network = EntityAttention(spec, attention_model(hidden=64, attention_heads=4))
    assert sum(math.prod(shape) for shape in network.shapes().values()) == published


def test_the_transformer_has_the_published_size() -> None:
    """Two blocks of 24,896 parameters, the embedding, and the heads of six actions and of one target."""
    spec = team_spec("2s3z", options())
    network = Transformer(spec, transformer_model(hidden=32, attention_heads=4))
    shapes = network.shapes()
    of_blocks = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("block_"))
    assert of_blocks == 2 * 24_896
    others = sum(math.prod(shape) for name, shape in shapes.items() if not name.startswith("block_"))
    assert others == 32 * (network.row_width + 1) + 6 * 33 + 33


def test_the_transformer_fits_teams_of_any_size() -> None:
    few, many = (Transformer(team_spec(map, options()), transformer_model()) for map in ("3m", "8m"))
    assert few.shapes() == many.shapes()
    parameters = {name: value[:1] for name, value in drawn(few).items()}
    for network in (few, many):
        observations = torch.rand(1, 2, network.spec.obs_dim)
        values, _ = network.step(
            parameters,
            Seen(observations, torch.full((1, 2), -1), torch.tensor([0])),
            network.begin(1, 2, torch.device("cpu")),
        )
        assert values.shape == (1, 2, network.spec.n_actions)


def test_the_value_of_an_attack_is_of_its_target_s_token() -> None:
    """Exchanging two enemies exchanges the values of attacking them, and no other value."""
    network = Transformer(ENTITY_SPEC, transformer_model())
    parameters, plain = drawn(network), seen()
    exchanged = plain.observations[..., [0, 1, 2, 3, 4, 5, 8, 9, 6, 7]]
    found, other = (
        network.unroll(parameters, plain._replace(observations=one), ORDER) for one in (plain.observations, exchanged)
    )
    assert torch.allclose(found[..., [0, 1, 3, 2]], other, atol=1e-5)
    assert not torch.allclose(found[..., 2], found[..., 3], atol=1e-3)


def test_an_action_with_two_targets_has_the_sum_of_both() -> None:
    network = Transformer(team_spec("MMM", options()), transformer_model())
    targets = network._targets.on(torch.device("cpu"))  # [agents, rows, actions]
    heal = targets[8, :, 6]  # agent 0 is in row 1, enemy 0 in row 10
    assert heal.nonzero().flatten().tolist() == [1, 10]


def test_flat_networks_refuse_hidden_entities() -> None:
    model = ModelConfig(name="mlp", hidden=4, initialisation="uniform", agent_id=True, last_action=True)
    network = Mlp(SPEC, model)
    hidden = torch.zeros(1, 2, 3, dtype=torch.bool)
    flat = Seen(torch.zeros(1, 2, 5), torch.full((1, 2), -1), torch.tensor([0]), hidden)
    with pytest.raises(ConfigurationError, match=r"one vector.*model=entity_attention"):
        network.step({name: value[:1] for name, value in drawn(network).items()}, flat, torch.zeros(1, 2, 0))


def test_mistakes_are_refused() -> None:
    for model in (attention_model(), transformer_model()):
        with pytest.raises(ConfigurationError, match="this world has no entities"):
            make_network(model, SPEC)
    with pytest.raises(ConfigurationError, match=r"model\.attention_heads=3 must divide.*16"):
        make_network(attention_model(attention_heads=3), ENTITY_SPEC)
    table = replace(ENTITY_SPEC.observation.entities, actions=())
    with pytest.raises(ConfigurationError, match=r"policy_decoupling=true needs actions that target"):
        make_network(transformer_model(), replace(ENTITY_SPEC, observation=Flat(10, entities=table)))


@pytest.mark.parametrize(("kind", "model"), BOTH)
def test_as_an_ordinary_module_it_gives_the_same_values(kind, model) -> None:
    network = kind(ENTITY_SPEC, model)
    parameters, memory = drawn(network), torch.randn(3, ORDER.batch, 8)
    plain = seen().at(slice(0, ORDER.batch))
    expected, after = network.step(parameters, plain, memory)
    module = ordinary(network, 1, {name: value[1] for name, value in parameters.items()})
    values, new = module(plain.observations[1], plain.last_actions[1], memory[1])
    assert torch.allclose(values, expected[1], atol=1e-6)
    assert torch.allclose(new, after[1], atol=1e-6)
    assert {name for name, _ in module.named_parameters()} == set(network.shapes())
    first, _ = module(plain.observations[1])
    assert torch.allclose(first, network.step(parameters, plain, torch.zeros(3, ORDER.batch, 8))[0][1], atol=1e-6)
