"""own: a user's strategy class, named in strategy.code as module:Class."""

from __future__ import annotations

import inspect
import pkgutil

from fedqmix.conf.schema import LESSENING_OFF
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.settings import StrategySettings
from fedqmix.strategies.team import TeamStrategy


def own_class(settings: StrategySettings) -> type[TeamStrategy]:
    """Import and return the user's strategy class. settings.code: "module:Class".

    Raises ConfigurationError when the module or class does not exist, when the import fails, when the class is not a
    complete TeamStrategy, and when it does not support the settings.
    """
    code = settings.code
    module, colon, name = (code or "").partition(":")
    if not (module and colon and name):
        shown = "null" if code is None else code
        raise ConfigurationError(f"strategy.code={shown}: module:Class is needed, such as my_strategy:MyStrategy.")
    try:
        found = pkgutil.resolve_name(f"{module}:{name}")
    except Exception as error:  # a user's module can raise any error at import
        raise ConfigurationError(
            f"strategy.code={code}: {type(error).__name__}: {error}. The folder of {module.split('.')[0]} must be on "
            "PYTHONPATH, or the package installed."
        ) from error
    if not (inspect.isclass(found) and issubclass(found, TeamStrategy)):
        raise ConfigurationError(f"strategy.code={code} is not a strategy: derive fedqmix.strategies.TeamStrategy.")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise ConfigurationError(f"strategy.code={code} is incomplete: it does not implement {missing}.")
    _require_averaging(found, settings)
    return found


def _require_averaging(found: type[TeamStrategy], settings: StrategySettings) -> None:
    """Check that settings which act on TeamStrategy's weighted average apply to the class.

    Raises ConfigurationError when the class ties gradients or overrides the method that the setting acts on.
    """
    replaced = found.aggregate_train is not TeamStrategy.aggregate_train
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
