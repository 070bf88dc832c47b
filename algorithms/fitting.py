"""Whether an algorithm's halves fit the networks and the world of a run, where entities are needed."""

from __future__ import annotations

import torch

from fedqmix.algorithms.base import Algorithm, AlgorithmSettings
from fedqmix.algorithms.registry import make_networks, make_team_half
from fedqmix.networks import Network, NetworkSettings
from fedqmix.networks.registry import NETWORKS
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Space, entity_table
from fedqmix.runtime.core.world import TeamSpec


def needs_entities(algorithm: Algorithm, model: NetworkSettings) -> bool:
    """Return whether the algorithm or a network of ours reads entities."""
    of_network = model.name in NETWORKS and NETWORKS[model.name].hides_entities
    return of_network or algorithm.agent.hides_entities or algorithm.team.reads_entities


def check_fit(algorithm: Algorithm, settings: AlgorithmSettings, model: NetworkSettings, spec: TeamSpec) -> None:
    """Check that networks and team half fit the world and each other. Nothing takes memory.

    Raises ConfigurationError with what does not fit.
    """
    networks = make_networks(algorithm, settings, model, spec)
    if algorithm.agent.hides_entities:
        if not networks.network.hides_entities:
            readers = " or ".join(f"model={name}" for name, one in NETWORKS.items() if one.hides_entities)
            raise ConfigurationError(
                f"algorithm={settings.name} hides entities from the agents' networks, but model={model.name} reads the "
                f"observation as one vector: choose {readers}."
            )
        _check_numbers(spec.observation, "observation", settings)
        _check_numbers(spec.state, "state", settings)
    if algorithm.agent.features is not None:
        _check_features(algorithm.agent.features, networks.network, algorithm, settings)
    with torch.device("meta"):
        make_team_half(algorithm, settings, spec, seed=0)


def _check_features(name: str, network: Network, algorithm: Algorithm, settings: AlgorithmSettings) -> None:
    wanted, width = algorithm.agent.sizes(network.spec, settings)[name], network.feature_layer().width
    if wanted != width:
        raise ConfigurationError(
            f"algorithm.{name}={wanted} must be the width of the agents' features, model.hidden={width}: leave "
            f"algorithm.{name} out, or set both."
        )


def _check_numbers(space: Space, what: str, settings: AlgorithmSettings) -> None:
    if not entity_table(space, what).numbers:
        raise ConfigurationError(
            f"algorithm={settings.name} divides the entities into groups for a whole episode, but this world's {what} "
            "does not have the same entity in the same row all the time: choose another world, or algorithm=flex_qmix."
        )
