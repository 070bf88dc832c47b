"""The algorithms by name, and the making of their halves and networks."""

from __future__ import annotations

import threading

import torch

from fedqmix.algorithms.base import AgentHalf, Algorithm, AlgorithmSettings, TeamHalf
from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.algorithms.q_learning.team import IqlTeam, QLearningTeam, QmixTeam, VdnTeam
from fedqmix.algorithms.weighted_qmix.agent import CwQmixAgent, OwQmixAgent
from fedqmix.algorithms.weighted_qmix.team import CwQmixTeam, OwQmixTeam
from fedqmix.networks import NetworkSettings, make_network
from fedqmix.networks.network_set import NetworkSet
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import own_object
from fedqmix.runtime.core.world import TeamSpec

__all__ = [
    "ALGORITHMS",
    "AgentHalf",
    "Algorithm",
    "AlgorithmSettings",
    "QLearningAgent",
    "QLearningTeam",
    "TeamHalf",
    "find_algorithm",
    "make_networks",
    "make_team_half",
]

ALGORITHMS = {
    "iql": Algorithm(QLearningAgent, IqlTeam),
    "vdn": Algorithm(QLearningAgent, VdnTeam),
    "qmix": Algorithm(QLearningAgent, QmixTeam),
    "ow_qmix": Algorithm(OwQmixAgent, OwQmixTeam),
    "cw_qmix": Algorithm(CwQmixAgent, CwQmixTeam),
}
"""The algorithms by algorithm.name; "own" is the Algorithm that algorithm.code names."""

_drawing = threading.Lock()  # layers draw their initial weights from PyTorch's generator, which all threads share


def find_algorithm(settings: AlgorithmSettings) -> Algorithm:
    """Return the algorithm that the settings name.

    Raises ConfigurationError for an unknown name, or when algorithm.code does not name an Algorithm.
    """
    if settings.name == "own":
        found = own_object("algorithm.code", settings.code)
        if not (isinstance(found, Algorithm) and _are_halves(found)):
            raise ConfigurationError(
                f"algorithm.code={settings.code} is not a valid algorithm: name a fedqmix.algorithms.Algorithm, which "
                "is the pair of its halves."
            )
        return found
    if settings.name not in ALGORITHMS:
        raise ConfigurationError(f"unknown algorithm {settings.name!r}; allowed are {', '.join(ALGORITHMS)}, own")
    return ALGORITHMS[settings.name]


def _are_halves(found: Algorithm) -> bool:
    """Return whether a user's pair holds an agent half and a team half, whose figures have the loss."""
    classes = isinstance(found.agent, type) and isinstance(found.team, type)
    return (
        classes
        and issubclass(found.agent, AgentHalf)
        and issubclass(found.team, TeamHalf)
        and "loss" in found.team.figures
    )


def make_networks(algorithm: Algorithm, model: NetworkSettings, spec: TeamSpec) -> NetworkSet:
    """Return the networks of each agent."""
    return NetworkSet(algorithm.agent.networks, make_network(model, spec))


def make_team_half(algorithm: Algorithm, settings: AlgorithmSettings, spec: TeamSpec, seed: int) -> TeamHalf:
    """Return the team half; its initial weights depend only on the seed."""
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.key(seed, "initial mixer"))
        return algorithm.team(spec, settings)
