"""Every network holds NetworkContract."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from fedqmix.conf.schema import ModelConfig
from fedqmix.networks import EntityAttention, Gru, Mlp, ModuleNetwork, Transformer
from fedqmix.networks.contract import ENTITY_SPEC
from fedqmix.testing import NetworkContract
from support.entities import attention_model, transformer_model


class TestGru(NetworkContract):
    network = Gru


class TestGruWithoutIds(NetworkContract):
    network = Gru
    model = ModelConfig(name="gru", hidden=8, initialisation="orthogonal", agent_id=False, last_action=True)


class TestMlp(NetworkContract):
    network = Mlp


class TestEntityAttention(NetworkContract):
    network = EntityAttention
    spec = ENTITY_SPEC
    model = attention_model(agent_id=True)


class TestEntityAttentionOfObservationsAlone(NetworkContract):
    network = EntityAttention
    spec = ENTITY_SPEC
    model = attention_model(initialisation="orthogonal", last_action=False)


class TestTransformer(NetworkContract):
    network = Transformer
    spec = ENTITY_SPEC
    model = transformer_model()


class TestTransformerWithAPlainHead(NetworkContract):
    network = Transformer
    spec = ENTITY_SPEC
    model = transformer_model(policy_decoupling=False, initialisation="orthogonal", agent_id=True, last_action=True)


class Elman(nn.Module):
    """A plain recurrent module for one agent."""

    def __init__(self, inputs, n_actions):
        super().__init__()
        self.inside, self.recurrent, self.head = nn.Linear(inputs, 6), nn.Linear(6, 6), nn.Linear(6, n_actions)

    def forward(self, inputs, memory):
        memory = (self.inside(inputs) + self.recurrent(memory)).tanh()
        return self.head(memory), memory


class OfModule(ModuleNetwork):
    memory_width = 6

    def module(self, inputs, n_actions):
        return Elman(inputs, n_actions)


class TestModule(NetworkContract):
    network = OfModule


def test_a_module_is_computed_by_several_threads_at_once():
    """Agents are shared out among threads, and a module holds the parameters of one call at a time."""
    contract = TestModule()
    network, parameters = contract.make()
    seen = contract.seen().at(slice(0, 5))
    stacks = [{name: value[agent : agent + 1] for name, value in parameters.items()} for agent in range(3)]

    def outputs(agent):
        own = slice(agent, agent + 1)
        alone = seen.of_agents(own)
        memory = network.begin(1, 5, torch.device("cpu"))
        return [network.step(stacks[agent], alone, memory)[0] for _ in range(100)]

    expected = [outputs(agent)[0] for agent in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for agent, found in enumerate(pool.map(outputs, range(3))):
            assert all(torch.equal(one, expected[agent]) for one in found)
