"""A network of fewer units computes what the root computes when all its other units are zero."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedqmix.algorithms import find_algorithm, make_networks
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks import Gru, Mlp, ModuleNetwork, Network
from fedqmix.networks.base import Parameters, Seen
from fedqmix.networks.contract import ORDER, SPEC
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.strategies.sub_networks import Integers, RootNetwork, SubNetworks, drawn_units
from support.toy_team import algorithm

ROOT = ModelConfig(name="gru", hidden=7, initialisation="uniform", agent_id=True, last_action=True)
KEPT = 3
AGENTS = 3
EXACT = {"rtol": 0.0, "atol": 1e-14}
"""In float64: libraries add the products of narrow and wide rows in different orders."""


def divided(root: Network, own: Network) -> SubNetworks:
    groups = RootNetwork(root.shapes(), own.shapes(), root.units())
    units = {
        group: np.stack([drawn_units(1, "test", agent, group, width, groups.kept[group]) for agent in range(AGENTS)])
        for group, width in groups.widths.items()
    }
    return SubNetworks(groups, units)


def drawn(network: Network) -> Parameters:
    found = network.parameters((0, 1, 2), [np.random.default_rng(agent) for agent in range(AGENTS)])
    return {name: value.double().requires_grad_() for name, value in found.items()}


def in_root(parts: SubNetworks, own: Parameters) -> Parameters:
    """The root's parameters of each agent: its own at its places, zeros elsewhere."""
    whole = {}
    for name, value in own.items():
        root = torch.zeros(AGENTS, *parts.root.shapes[name], dtype=torch.float64)
        for agent in range(AGENTS):
            root[agent][parts.places(name, agent)] = value[agent].detach()
        whole[name] = root.requires_grad_()
    return whole


def seen() -> Seen:
    random = torch.Generator().manual_seed(3)
    last = torch.randint(0, SPEC.n_actions, (AGENTS, ORDER.moments), generator=random)
    last[:, : ORDER.batch] = -1
    observations = torch.randn(AGENTS, ORDER.moments, SPEC.obs_dim, generator=random, dtype=torch.float64)
    return Seen(observations, last, torch.arange(AGENTS))


@pytest.mark.parametrize("kind", [Gru, Mlp])
def test_a_sub_network_is_the_root_without_its_other_units(kind: type[Network]) -> None:
    """Outputs of episodes of several lengths, and gradients: those of elements that an agent does not hold are 0."""
    root, own = kind(SPEC, ROOT), kind(SPEC, replace(ROOT, hidden=KEPT))
    parts, small = divided(root, own), drawn(own)
    whole = in_root(parts, small)
    outputs, expected = own.unroll(small, seen(), ORDER), root.unroll(whole, seen(), ORDER)
    torch.testing.assert_close(outputs, expected, **EXACT)
    for found in (outputs, expected):
        torch.autograd.backward(found.square().sum())
    for name, value in small.items():
        gradient = whole[name].grad
        assert gradient is not None
        assert value.grad is not None
        for agent in range(AGENTS):
            held = parts.places(name, agent)
            torch.testing.assert_close(value.grad[agent], gradient[agent][held], rtol=1e-12, atol=1e-12)
            gradient[agent][held] = 0
        assert not gradient.any(), f"{name}: what an agent does not hold has a gradient"


@pytest.mark.parametrize("kind", [Gru, Mlp])
def test_it_acts_as_the_root_does_step_by_step(kind: type[Network]) -> None:
    root, own = kind(SPEC, ROOT), kind(SPEC, replace(ROOT, hidden=KEPT))
    parts, small = divided(root, own), drawn(own)
    with torch.no_grad():
        outputs = [
            Network.unroll(_in_float64(network), parameters, seen(), ORDER)
            for network, parameters in ((own, small), (root, in_root(parts, small)))
        ]
    torch.testing.assert_close(*outputs, **EXACT)


def _in_float64(network: Network) -> Network:
    """The network, whose first memory is float64 as its parameters are."""
    begin = network.begin
    network.begin = lambda *sizes: begin(*sizes).double()  # type: ignore[method-assign]
    return network


def test_further_networks_have_units_of_their_own() -> None:
    """mappo has no second network, ippo has: the units of `value` are not those of the policy."""
    networks = make_networks(find_algorithm(algorithm("ippo")), algorithm("ippo"), ROOT, SPEC)
    units = networks.units()
    assert set(units) == set(networks.shapes())
    assert units["gru.weight_ih"] == ("fc", "gru")
    assert units["value.gru.weight_ih"] == ("value.fc", "value.gru")
    assert units["value.head.bias"] == (None,)


@pytest.mark.parametrize("hidden", [1, 2, 5, 64])
@pytest.mark.parametrize("kind", [Gru, Mlp])
def test_every_size_of_a_network_fits_into_every_larger_one(kind: type[Network], hidden: int) -> None:
    own = kind(SPEC, replace(ROOT, hidden=hidden))
    for wider in (hidden, hidden + 1, 2 * hidden):
        root = kind(SPEC, replace(ROOT, hidden=wider))
        groups = RootNetwork(root.shapes(), own.shapes(), root.units())
        assert set(groups.widths.values()) == {wider}
        assert set(groups.kept.values()) == {hidden}


def test_a_network_without_declared_units_is_refused_by_name() -> None:
    class Silent(ModuleNetwork):
        def module(self, inputs: int, n_actions: int) -> torch.nn.Module:
            return torch.nn.Linear(inputs, n_actions)

    with pytest.raises(ConfigurationError, match=r"Silent does not declare its hidden units.*override `units`"):
        Silent(SPEC, ROOT).units()


def good() -> SimpleNamespace:
    return SimpleNamespace(
        shapes={"a.weight": (5, 4), "b.weight": (4, 2)},
        held={"a.weight": (5, 2), "b.weight": (2, 2)},
        groups={"a.weight": (None, "a"), "b.weight": ("a", None)},
    )


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("groups", {"a.weight": (None, "a")}, r"b\.weight of shape \[4, 2\] has the groups None"),
        ("groups", {"a.weight": (None, "a"), "b.weight": ("a",)}, r"has the groups \('a',\); one for each axis"),
        ("groups", {"a.weight": (None, None), "b.weight": ("a", None)}, r"axis 1 of a\.weight grows with model"),
        ("groups", {"a.weight": (None, "a"), "b.weight": ("a", "a")}, r"axis 1 of a\.weight has 4 numbers, and 2"),
        ("groups", {"a.weight": (None, "a"), "b.weight": ("a", None), "c": ()}, r"and its groups are of .*, c"),
        ("held", {"a.weight": (5, 2), "b.weight": (3, 2)}, r"axis 0 of b\.weight has 4 numbers, and 3 of an agent"),
        ("held", {"a.weight": (5, 2)}, r"b\.weight of shape"),
    ],
)
def test_units_that_do_not_fit_the_shapes_are_refused(field: str, value: object, text: str) -> None:
    RootNetwork(**vars(good()))
    with pytest.raises(ConfigurationError, match="cannot be divided into sub-networks: .*" + text):
        RootNetwork(**vars(good()) | {field: value})


@pytest.mark.parametrize(
    ("agents", "groups", "observed", "table"),
    [(15, 3, 10, 10_118), (30, 5, 14, 10_630), (4, 2, 44, 14_470), (16, 2, 44, 14_470)],
    ids=["BPS-1", "BPS-3", "C-RWARE tiny", "C-RWARE medium"],
)
def test_parameters_that_are_trained(agents: int, groups: int, observed: int, table: int) -> None:
    """The sizes of Christianos et al. 2021: actor and critic of two layers of 64 that see the observation alone.

    One network and sub-networks of it train P parameters whatever the team; a network for each of K groups K P, for
    each of N agents N P.
    """
    actions = 5
    spec = replace(SPEC, n_agents=agents, n_actions=actions, observation=Flat(observed))
    model = ModelConfig(name="mlp", hidden=64, initialisation="orthogonal", agent_id=False, last_action=False)
    networks = make_networks(find_algorithm(algorithm("ippo")), algorithm("ippo"), model, spec)
    own = make_networks(find_algorithm(algorithm("ippo")), algorithm("ippo"), replace(model, hidden=32), spec)
    root = RootNetwork(networks.shapes(), own.shapes(), networks.units())
    assert root.size() == table
    known = make_networks(
        find_algorithm(algorithm("ippo")), algorithm("ippo"), replace(model, agent_id=True), spec
    ).shapes()
    assert sum(int(np.prod(shape)) for shape in known.values()) == table + 2 * 64 * agents  # FuPS+id
    units = {
        group: np.stack([drawn_units(1, "test", one % groups, group, width, 32) for one in range(agents)])
        for group, width in root.widths.items()
    }
    held = np.concatenate([_holders(SubNetworks(root, units), name) for name in root.shapes])
    trained = int((held > 0).sum())
    assert trained <= root.size() < groups * root.size() < agents * root.size()
    assert trained > 0.5 * root.size()


def _holders(parts: SubNetworks, name: str) -> Integers:
    """How many agents hold each element of the root's parameter, flat."""
    numbers = [parts.numbers(name, agent).ravel() for agent in range(parts.n_agents)]
    return np.bincount(np.concatenate(numbers), minlength=int(np.prod(parts.root.shapes[name])))
