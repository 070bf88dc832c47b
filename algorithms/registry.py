"""The algorithms by name, and the making of their halves and networks."""

from __future__ import annotations

import threading
from functools import partial

import torch

from fedqmix.algorithms.base import RECORDABLE, AgentHalf, Algorithm, AlgorithmSettings, TeamHalf
from fedqmix.algorithms.individual import with_reward
from fedqmix.algorithms.ppo.agent import IppoAgent, MappoAgent
from fedqmix.algorithms.ppo.team import IppoTeam, MappoTeam
from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.algorithms.q_learning.team import IqlTeam, QLearningTeam, QmixTeam, VdnTeam
from fedqmix.algorithms.qplex.agent import QplexAgent
from fedqmix.algorithms.qplex.team import QplexTeam
from fedqmix.algorithms.qtran.agent import QtranAgent
from fedqmix.algorithms.qtran.team import QtranTeam
from fedqmix.algorithms.refil.agent import RefilAgent
from fedqmix.algorithms.refil.team import FlexQmixTeam, RefilTeam
from fedqmix.algorithms.transf_qmix.agent import TransfQmixAgent
from fedqmix.algorithms.transf_qmix.team import TransfQmixTeam, TransfStateTeam
from fedqmix.algorithms.weighted_qmix.agent import CwQmixAgent, OwQmixAgent
from fedqmix.algorithms.weighted_qmix.team import CwQmixTeam, OwQmixTeam
from fedqmix.networks import NetworkSettings, make_network
from fedqmix.networks.encoder import Encoder
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
    "qplex": Algorithm(QplexAgent, QplexTeam),
    "qtran": Algorithm(QtranAgent, QtranTeam),
    "flex_qmix": Algorithm(QLearningAgent, FlexQmixTeam),
    "refil": Algorithm(RefilAgent, RefilTeam),
    "transf_qmix": Algorithm(TransfQmixAgent, TransfQmixTeam),
    "transf_state": Algorithm(QLearningAgent, TransfStateTeam),
    "ippo": Algorithm(IppoAgent, IppoTeam),
    "mappo": Algorithm(MappoAgent, MappoTeam),
}
"""The algorithms by algorithm.name, with the team's reward; "own" is the Algorithm that algorithm.code names."""

_drawing = threading.Lock()  # layers draw their initial weights from PyTorch's generator, which all threads share


def find_algorithm(settings: AlgorithmSettings) -> Algorithm:
    """Return the algorithm that the settings name, with the reward that they name (algorithms.individual).

    Raises ConfigurationError for an unknown name, when algorithm.code does not name an Algorithm, and when it cannot
    learn from individual rewards and should.
    """
    if settings.name == "own":
        found = own_object("algorithm.code", settings.code)
        if not (isinstance(found, Algorithm) and _are_halves(found)):
            raise ConfigurationError(
                f"algorithm.code={settings.code} is not a valid algorithm: name a fedqmix.algorithms.Algorithm, which "
                "is the pair of its halves."
            )
        _require_recordable(found, settings)
        return with_reward(found, settings)
    if settings.name not in ALGORITHMS:
        raise ConfigurationError(f"unknown algorithm {settings.name!r}; allowed are {', '.join(ALGORITHMS)}, own")
    return with_reward(ALGORITHMS[settings.name], settings)


def _are_halves(found: Algorithm) -> bool:
    """Return whether a user's pair holds an agent half and a team half, whose figures have the loss."""
    classes = isinstance(found.agent, type) and isinstance(found.team, type)
    return (
        classes
        and issubclass(found.agent, AgentHalf)
        and issubclass(found.team, TeamHalf)
        and "loss" in found.team.figures
    )


def _require_recordable(found: Algorithm, settings: AlgorithmSettings) -> None:
    """Check that acting can record a user's columns. Raises ConfigurationError."""
    agent = found.agent
    if agent.selection not in RECORDABLE or not set(agent.recorded) <= set(RECORDABLE[agent.selection]):
        known = "; ".join(f"{name}: {', '.join(columns) or 'none'}" for name, columns in RECORDABLE.items())
        raise ConfigurationError(
            f"algorithm.code={settings.code}: its agent half has selection={agent.selection!r} and records "
            f"{', '.join(agent.recorded) or 'nothing'}. Selections, each with the columns it can record: {known}."
        )


def make_networks(
    algorithm: Algorithm, settings: AlgorithmSettings, model: NetworkSettings, spec: TeamSpec
) -> NetworkSet:
    """Return the networks of each agent. settings: the algorithm's. model: the networks'.

    Raises ConfigurationError when a user's network is not valid, or lacks the features that an encoder reads.
    """
    agent = algorithm.agent
    networks = {name: make_network(model, spec, agent.outputs.get(name)) for name in agent.networks}
    if not agent.encoders:
        return NetworkSet(networks)
    layer, sizes = networks[agent.networks[0]].feature_layer(), agent.sizes(spec, settings)
    make = partial(Encoder, layer, spec.n_actions, initialisation=model.initialisation)
    return NetworkSet(networks, {name: make(width=sizes[name]) for name in agent.encoders})


def make_team_half(algorithm: Algorithm, settings: AlgorithmSettings, spec: TeamSpec, seed: int) -> TeamHalf:
    """Return the team half; its initial weights depend only on the seed."""
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.key(seed, "initial mixer"))
        return algorithm.team(spec, settings)
