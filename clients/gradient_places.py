"""Gradients summed over the agents that hold an element: all of them, those of a cluster, or those of a sub-network.

    G[e] = sum_j g_j[e]        over the agents j that hold element e of the team's pooled vector

Without places all agents hold one network (strategy full_sharing). With places each number of an agent's gradient has
its place in the vector, which the strategy sent. The vector's norm is that of the networks with every element once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.networks.base import Parameters
from fedqmix.runtime.core.array_names import PLACES
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.errors import FederationError


@dataclass(frozen=True)
class GradientPlaces:
    """The places of the agents' gradients in the team's pooled vector.

    size: of the vector. places: [agents, ...] int64 by parameter name.
    """

    size: int
    places: Parameters

    @classmethod
    def sent(cls, buffers: Mapping[str, torch.Tensor], agents: AgentStack, size: int) -> GradientPlaces | None:
        """Return the places that a strategy sent as buffers; None for a size of 0.

        Raises FederationError unless each parameter has places, all different and within the vector, and the vector
        is no longer than the team's networks are together.
        """
        if size == 0:
            return None
        one = sum(value[0].numel() for value in agents.online.values())
        if not 0 < size <= agents.spec.n_agents * one:
            raise FederationError(f"agents were sent a pooled size of {size}; at most {agents.spec.n_agents * one} fit")
        found = {name: buffers.get(PLACES + name) for name in agents.online}
        places: Parameters = {}
        for name, value in found.items():
            if value is None or value.shape != agents.online[name].shape or value.dtype.is_floating_point:
                raise FederationError(f"agents were sent no places of {name} in the pooled gradient")
            places[name] = value.long()
        for row in torch.cat([value.flatten(1) for value in places.values()], dim=1):
            if int(row.min()) < 0 or int(row.max()) >= size or len(row.unique()) != len(row):
                raise FederationError(f"agents were sent places that are not different numbers from 0 to {size - 1}")
        return cls(size, places)


def tie(agents: AgentStack, coordinator: Coordinator, places: GradientPlaces | None) -> torch.Tensor:
    """Replace each agent's gradient by the team's sum over the holders of each element.

    places: None when all agents hold one network. Returns squared norms [agents] float64, whose sum is the squared
    gradient norm of the networks with every element once.
    """
    gradients = {name: value.grad for name, value in agents.online.items() if value.grad is not None}
    flat = torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1)
    if places is None:
        summed = coordinator.pool(flat)
    else:
        held = torch.cat([places.places[name].flatten(1) for name in gradients], dim=1)
        vector = flat.new_zeros(len(flat), places.size).scatter_(1, held, flat)
        pooled = coordinator.pool(vector)
        summed = pooled.gather(1, held)
    sizes = [gradient[0].numel() for gradient in gradients.values()]
    for gradient, total in zip(gradients.values(), torch.split(summed, sizes, dim=1), strict=True):
        gradient.copy_(total.view_as(gradient))
    if places is None:
        return agents.train_state.squared_norms() / agents.spec.n_agents
    square = _squared_norm(pooled[0])  # every agent has the same vector
    return torch.full((len(flat),), square / agents.spec.n_agents, dtype=torch.float64, device=flat.device)


def _squared_norm(vector: torch.Tensor) -> float:
    """Return the squared 2-norm, the same number in every process: NumPy adds in one thread and one order."""
    numbers = vector.detach().cpu().numpy().astype(np.float64)
    return float(np.sum(np.square(numbers)))
