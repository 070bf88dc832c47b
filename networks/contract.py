"""The contract of a network, as tests for pytest: derive from NetworkContract and set `network`."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from fedqmix.conf.schema import ModelConfig
from fedqmix.networks.base import Network, Parameters, Seen
from fedqmix.runtime.core.entities import NO_ACTION, ONE, ZERO, EntityTable
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec

SPEC = TeamSpec("contract", n_agents=3, n_actions=4, observation=Flat(5), state=Flat(6), episode_limit=6)
ENTITY_SPEC = replace(
    SPEC,
    observation=Flat(
        10,
        entities=EntityTable(
            source=((0, ZERO, 1, ONE), (2, 3, ZERO, ONE), (4, 5, ZERO, ONE), (6, 7, ZERO, ZERO), (8, 9, ZERO, ZERO)),
            names=("health", "x", "can_move", "is_agent"),
            own=(0,),
            numbers=((0, 1, 2, 3, 4), (1, 0, 2, 3, 4), (2, 0, 1, 3, 4)),
            actions=(NO_ACTION, NO_ACTION, NO_ACTION, 2, 3),
        ),
    ),
    state=Flat(
        10,
        entities=EntityTable(
            source=((0, 1, ONE), (2, 3, ONE), (4, 5, ONE), (6, 7, ZERO), (8, 9, ZERO)),
            names=("health", "x", "is_agent"),
            own=(0, 1, 2),
            numbers=((0, 1, 2, 3, 4),),
        ),
    ),
)
"""SPEC with entities: three agents and two enemies, which actions 2 and 3 target."""
ORDER = timeline(np.array([6, 5, 5, 3, 1], np.int64))


class NetworkContract:
    """The properties of a network. network: the class. model: its settings. spec: the team's sizes."""

    network: ClassVar[type[Network]]
    spec: ClassVar[TeamSpec] = SPEC
    model: ClassVar[ModelConfig] = ModelConfig(
        name="own", hidden=8, initialisation="uniform", agent_id=True, last_action=True
    )

    def make(self) -> tuple[Network, Parameters]:
        """Return the network and the initial parameters of three agents."""
        network = self.network(self.spec, self.model)
        generators = [np.random.default_rng(agent) for agent in range(3)]
        return network, network.parameters((0, 1, 2), generators)

    def seen(self) -> Seen:
        """Return random observations of episodes of different lengths, packed."""
        random = torch.Generator().manual_seed(3)
        observations = torch.randn(3, ORDER.moments, self.spec.obs_dim, generator=random)
        last = torch.randint(0, self.spec.n_actions, (3, ORDER.moments), generator=random)
        last[:, : ORDER.batch] = -1
        return Seen(observations, last, torch.arange(3))

    def test_parameters_have_their_shapes(self) -> None:
        """`draw` returns float32 in the declared shapes; only equal generators give equal parameters."""
        network, parameters = self.make()
        again = self.make()[1]
        for name, shape in network.shapes().items():
            assert parameters[name].shape == (3, *shape), name
            assert parameters[name].dtype == torch.float32, name
            assert torch.equal(parameters[name], again[name]), name
        assert any(not torch.equal(value[0], value[1]) for value in parameters.values())

    def test_unrolling_is_stepping(self) -> None:
        """`unroll` returns the outputs of `step`, moment by moment, for episodes of any length."""
        network, parameters = self.make()
        seen = self.seen()
        stepped = Network.unroll(network, parameters, seen, ORDER)
        assert stepped.shape == (3, ORDER.moments, self.spec.n_actions)
        assert torch.allclose(network.unroll(parameters, seen, ORDER), stepped, rtol=1e-4, atol=1e-5)

    def test_a_step_is_differentiable(self) -> None:
        """`step` has the gradients of `unroll`, to 1e-4: what follows is learned from either."""
        network, parameters = self.make()
        gradients = []
        for unrolled in (Network.unroll, type(network).unroll):
            leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
            torch.autograd.backward(unrolled(network, leaves, self.seen(), ORDER).square().sum())
            gradients.append({name: leaf.grad for name, leaf in leaves.items()})
        for name, gradient in gradients[0].items():
            other = gradients[1][name]
            assert gradient is not None and other is not None, name  # noqa: PT018
            assert torch.allclose(gradient, other, rtol=1e-3, atol=1e-4), name

    def test_agents_do_not_see_each_other(self) -> None:
        """A stack of one computes the same values as the stack of three for that agent."""
        network, parameters = self.make()
        seen = self.seen()
        whole = network.unroll(parameters, seen, ORDER)
        for agent in range(3):
            own = slice(agent, agent + 1)
            alone = {name: value[own] for name, value in parameters.items()}
            found = network.unroll(alone, seen.of_agents(own), ORDER)
            assert torch.allclose(found, whole[own], rtol=1e-4, atol=1e-5)

    def test_features_belong_to_the_outputs(self) -> None:
        """A network that gives its features gives the same outputs with them, and features of the declared width."""
        network, parameters = self.make()
        if type(network).feature_layer is Network.feature_layer:
            pytest.skip("this network does not give its features")
        outputs, features = network.unroll_features(parameters, self.seen(), ORDER)
        assert torch.equal(outputs, network.unroll(parameters, self.seen(), ORDER))
        assert features.shape == (3, ORDER.moments, network.feature_layer().width)
        if type(network).units is not Network.units:  # sub-networks need the layer's group
            groups = {group for axes in network.units().values() for group in axes}
            assert network.feature_layer().group in groups

    def test_every_parameter_learns(self) -> None:
        """Every parameter of every agent gets a gradient from its own outputs."""
        network, parameters = self.make()
        leaves = {name: value.requires_grad_() for name, value in parameters.items()}
        torch.autograd.backward(network.unroll(leaves, self.seen(), ORDER).square().sum())
        for name, value in leaves.items():
            assert value.grad is not None, name
            assert all(bool(own.any()) for own in value.grad), name
