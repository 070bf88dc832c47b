"""The backend that computes an agent's networks: compiled kernels where they exist, else torch.

The kernels (networks.gru_kernels, algorithms.q_learning.kernels) exist for the GRU with IQL, VDN and QMIX on a CPU.
They act epsilon-greedily: policies, whose actions are drawn by their probabilities, act by torch.
"""

from __future__ import annotations

from typing import Any

from fedqmix.algorithms.base import Algorithm
from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.networks.base import Network
from fedqmix.networks.gru import Gru
from fedqmix.runtime.core.errors import ConfigurationError


def acts_by_kernels(backend: str, device: Any, network: Network, algorithm: Algorithm) -> bool:
    """Return whether kernels select the actions. backend: runtime.backend. device: a torch.device."""
    greedy = algorithm.agent.selection == "epsilon_greedy"
    known = type(network) is Gru and network.settings.last_action
    return backend != "torch" and device.type == "cpu" and known and greedy


def learns_by_kernels(backend: str, device: Any, network: Network, algorithm: Algorithm) -> bool:
    """Return whether kernels compute the agents' rows.

    backend: runtime.backend; auto uses kernels where they exist. device: a torch.device.
    Raises ConfigurationError when backend is "compiled" and the kernels do not exist.
    """
    exist = acts_by_kernels(backend, device, network, algorithm) and algorithm.agent is QLearningAgent
    if backend == "compiled" and not exist:
        raise ConfigurationError(
            "runtime.backend=compiled has kernels for model=gru model.last_action=true with algorithm=iql, vdn or "
            "qmix, on a CPU; leave runtime.backend=auto for anything else."
        )
    return exist
