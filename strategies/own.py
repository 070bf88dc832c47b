"""own: a strategy from outside this repository, named in strategy.code as FILE.py:Class or module:Class."""

from __future__ import annotations

from fedqmix.conf.schema import LESSENING_OFF
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.own_code import own_class
from fedqmix.strategies.settings import StrategySettings
from fedqmix.strategies.team import TeamStrategy


def own_strategy(settings: StrategySettings) -> type[TeamStrategy]:
    """Import and return the user's strategy, which strategy.code names.

    Raises ConfigurationError as `own_class` does, and when the class cannot do what the settings ask for.
    """
    found: type[TeamStrategy] = own_class(
        "strategy.code", settings.code, TeamStrategy, "fedqmix.strategies.TeamStrategy"
    )
    _require_averaging(found, settings)
    return found


def _require_averaging(found: type[TeamStrategy], settings: StrategySettings) -> None:
    """Check that settings which act on TeamStrategy's weighted average apply to the class.

    Raises ConfigurationError when the class ties gradients or overrides the method that the setting acts on.
    """
    replaced = found.aggregate_train is not TeamStrategy.aggregate_train
    several = [
        name for name in ("mixing_matrix", "masks", "mixed") if getattr(found, name) is not getattr(TeamStrategy, name)
    ]
    if several and settings.server_optimiser != "none":
        raise ConfigurationError(
            f"strategy.server_optimiser={settings.server_optimiser} moves one network for all agents, but "
            f"strategy.code={settings.code} overrides {several[0]}: leave strategy.server_optimiser out."
        )
    if several and found.combine is not TeamStrategy.combine:
        raise ConfigurationError(
            f"strategy.code={settings.code} overrides combine, which computes one aggregate for all agents, and "
            f"{several[0]}, which gives each agent its own: override one of them."
        )
    for name, off in LESSENING_OFF.items():
        value = getattr(settings, name)
        among_agents = name == "proximal_mu" or value == "reset"  # the agents apply these, with any aggregate
        if value != off and (found.tie_gradients or (replaced and not among_agents)):
            why = "ties gradients" if found.tie_gradients else "overrides aggregate_train"
            raise ConfigurationError(
                f"strategy.{name}={str(value).lower()} reduces the cost of a weighted average of networks, but "
                f"strategy.code={settings.code} {why}: leave strategy.{name} out."
            )
    if settings.clip_update is not None and (replaced or found.combine is not TeamStrategy.combine):
        method = "aggregate_train" if replaced else "combine"
        raise ConfigurationError(
            f"strategy.clip_update={settings.clip_update} bounds the updates in a weighted average, but "
            f"strategy.code={settings.code} overrides {method}: leave strategy.clip_update out."
        )
