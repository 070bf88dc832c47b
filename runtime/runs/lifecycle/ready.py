"""The requirements of a run on this machine, checked before anything is started or written."""

from __future__ import annotations

from pathlib import Path

import torch

from fedqmix.algorithms import find_algorithm, make_networks, make_team_half
from fedqmix.algorithms.fitting import check_fit, needs_entities
from fedqmix.algorithms.individual import make_individual_half
from fedqmix.clients.backend import learns_by_kernels
from fedqmix.conf.schema import Config, StrategyConfig
from fedqmix.envs import require_world, team_spec
from fedqmix.runtime.configuration.on_policy import check_drawn, check_newest
from fedqmix.runtime.configuration.ranges import check_shared
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.lifecycle.initial import initial_networks
from fedqmix.runtime.runs.lifecycle.root_network import root_network
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.strategies import TeamStrategy, strategy_class
from fedqmix.strategies.options import EveryStepSettings, SubNetworkSettings
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy


def require_ready(config: Config) -> None:
    """Check that this machine has the world, the strategy's code and the device of a run.

    Raises ConfigurationError with the missing requirement.
    """
    require_world(config.map, config.env)
    strategy = strategy_class(config.strategy)  # one of the user's own must be there
    _require_method(config, choose_device(config.runtime.device))
    if issubclass(strategy, SubNetworkStrategy):
        root_network(config, team_spec(config.map, config.env))
    _require_settings_used(config.strategy, strategy)
    if config.resume is None:
        initial_networks(config)


def _require_settings_used(settings: StrategyConfig, strategy: type[TeamStrategy]) -> None:
    """Check that a user's strategy does what settings of ours ask for. Raises ConfigurationError."""
    code = f"strategy.code={settings.code}"
    if isinstance(settings, SubNetworkSettings) and settings.keep < 1 and not issubclass(strategy, SubNetworkStrategy):
        raise ConfigurationError(
            f"strategy.keep={settings.keep} leaves each agent a part of one network, but {code} averages whole "
            "networks: leave it out, or derive the class from "
            "fedqmix.strategies.sub_network_strategy.SubNetworkStrategy."
        )
    whole = strategy.gradient_places is TeamStrategy.gradient_places
    if isinstance(settings, EveryStepSettings) and settings.every_step and whole:
        raise ConfigurationError(
            f"strategy.every_step=true shares every gradient among an element's holders, but {code} does not say where "
            "gradients lie: override `gradient_places`, or for one network set tie_gradients = True in the class."
        )


def _require_method(config: Config, device: torch.device) -> None:
    """Check that the backend has the method, and that a user's own one can be built; nothing takes memory."""
    spec, algorithm = team_spec(config.map, config.env), find_algorithm(config.algorithm)
    networks = make_networks(algorithm, config.algorithm, config.model, spec)
    algorithm.sized_rows(spec, config.algorithm)  # a row may have no place for the task's actions
    learns_by_kernels(config.runtime.backend, device, networks.network, algorithm)
    if needs_entities(algorithm, config.model):
        check_fit(algorithm, config.algorithm, config.model, spec)
    if "own" not in (config.model.name, config.algorithm.name):
        return
    check_shared(config, tuple(networks.shapes()))
    if algorithm.agent.replay == "newest":
        check_newest(config.algorithm)
    if algorithm.agent.selection == "categorical":
        check_drawn(config.algorithm)
    try:
        algorithm.agent(config.algorithm)
        with torch.device("meta"):
            make_team_half(algorithm, config.algorithm, spec, config.seed)
            if algorithm.individual is not None:
                make_individual_half(algorithm.individual, spec, config.algorithm)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever a user's class raises
        raise ConfigurationError(f"algorithm.code={config.algorithm.code}: {type(error).__name__}: {error}") from error


def device_warning(run: Path, config: Config) -> str | None:
    """Return a warning when a run is resumed with another runtime.device; None otherwise.

    run: the run folder, with the earlier configuration. config: the new configuration.
    """
    before, now = load(run).runtime.device, config.runtime.device
    if before == now:
        return None
    return (
        f"warning: runtime.device was {before} and is {now} from here on. The run goes on with the same networks and "
        "episodes, but devices round differently: its results no longer equal those of one device bit for bit."
    )
