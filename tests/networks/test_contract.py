"""Every network holds NetworkContract."""

from torch import nn

from fedqmix.conf.schema import ModelConfig
from fedqmix.networks import Gru, Mlp, ModuleNetwork
from fedqmix.testing import NetworkContract


class TestGru(NetworkContract):
    network = Gru


class TestGruWithoutIds(NetworkContract):
    network = Gru
    model = ModelConfig(name="gru", hidden=8, initialisation="orthogonal", agent_id=False)


class TestMlp(NetworkContract):
    network = Mlp


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
