"""The root network of a run whose agents hold sub-networks of it."""

from __future__ import annotations

from fedqmix.algorithms import find_algorithm, make_networks
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.strategies.sub_networks import RootNetwork


def root_network(config: Config, spec: TeamSpec) -> RootNetwork:
    """Return the root network, of `model.hidden` units in a layer, and the shapes of an agent's part.

    Raises ConfigurationError when the network does not declare its hidden units, or not as its shapes are.
    """
    algorithm = find_algorithm(config.algorithm)
    models = config.model, agent_model(config)
    root, own = (make_networks(algorithm, config.algorithm, model, spec) for model in models)
    try:
        return RootNetwork(root.shapes(), own.shapes(), root.units())
    except ConfigurationError:
        raise
    except Exception as error:  # whatever a user's `units` raises or returns
        raise ConfigurationError(f"model.code={config.model.code}: {type(error).__name__}: {error}") from error
