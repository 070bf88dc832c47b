"""The flat input of a network: the observation, and beside it what the settings ask for."""

import pytest
import torch

from fedqmix.algorithms import find_algorithm
from fedqmix.clients.backend import acts_by_kernels, learns_by_kernels
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks import make_network
from fedqmix.networks.base import Seen
from fedqmix.networks.layers import flat_input, input_width
from fedqmix.runtime.core.errors import ConfigurationError
from support.toy_team import CPU, algorithm
from support.toy_world import toy_spec

SPEC = toy_spec(n_agents=3, n_actions=5)
SEEN = Seen(torch.arange(16.0).reshape(1, 2, 8), torch.tensor([[-1, 4]]), torch.tensor([2]))
NO_ACTION, FIFTH, THIRD = [0.0] * 5, [0.0] * 4 + [1.0], [0.0, 0.0, 1.0]


@pytest.mark.parametrize("last_action", [True, False])
@pytest.mark.parametrize("agent_id", [True, False])
def test_an_input_holds_what_the_settings_ask_for(last_action: bool, agent_id: bool) -> None:
    settings = ModelConfig(name="mlp", hidden=4, initialisation="uniform", agent_id=agent_id, last_action=last_action)
    found = flat_input(SEEN, SPEC, settings)
    assert found.shape == (1, 2, input_width(SPEC, settings))
    for row, action in enumerate((NO_ACTION, FIFTH)):
        expected = SEEN.observations[0, row].tolist() + last_action * action + agent_id * THIRD
        assert found[0, row].tolist() == expected


def test_kernels_are_for_inputs_with_the_last_action() -> None:
    method = find_algorithm(algorithm("iql"))
    for last_action in (True, False):
        settings = ModelConfig(name="gru", hidden=4, initialisation="uniform", agent_id=False, last_action=last_action)
        network = make_network(settings, SPEC)
        assert acts_by_kernels("auto", CPU, network, method) is last_action
    with pytest.raises(ConfigurationError, match=r"model=gru model\.last_action=true"):
        learns_by_kernels("compiled", CPU, network, method)
