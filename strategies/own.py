"""own: a strategy from outside this repository, named in strategy.code as module:Class."""

from __future__ import annotations

import inspect
import pkgutil

from fedqmix.conf.schema import LESSENING_OFF
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.settings import StrategySettings
from fedqmix.strategies.team import TeamStrategy


def own_class(settings: StrategySettings) -> type[TeamStrategy]:
    """Import and return the user's strategy.

    settings.code: "module:Class". Raises ConfigurationError when there is no such module or class, when the module
    cannot be imported, when the class is no whole TeamStrategy, and when it cannot do what the settings ask for.
    """
    code = settings.code
    module, colon, name = (code or "").partition(":")
    if not (module and colon and name):
        said = "null" if code is None else code
        raise ConfigurationError(f"strategy.code={said}: module:Class is needed, such as my_strategy:MyStrategy.")
    try:
        found = pkgutil.resolve_name(f"{module}:{name}")
    except Exception as error:  # whatever somebody's module raises while it is imported
        raise ConfigurationError(
            f"strategy.code={code}: {type(error).__name__}: {error}. The folder of {module.split('.')[0]} must be on "
            "PYTHONPATH, or the package installed."
        ) from error
    if not (inspect.isclass(found) and issubclass(found, TeamStrategy)):
        raise ConfigurationError(f"strategy.code={code} is no strategy: derive it from strategies.TeamStrategy.")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise ConfigurationError(f"strategy.code={code} is not whole: it has no {missing}.")
    _require_averaging(found, settings)
    return found


def _require_averaging(found: type[TeamStrategy], settings: StrategySettings) -> None:
    """Check that the class averages as TeamStrategy does, where a setting acts upon that average."""
    replaced = found.aggregate_train is not TeamStrategy.aggregate_train
    for name, off in LESSENING_OFF.items():
        value = getattr(settings, name)
        among_agents = name == "proximal_mu" or value == "reset"  # whatever the aggregate is
        if value != off and (found.tie_gradients or (replaced and not among_agents)):
            why = "ties gradients" if found.tie_gradients else "has an aggregate_train of its own"
            raise ConfigurationError(
                f"strategy.{name}={str(value).lower()} lessens what a weighted average of networks costs, but "
                f"strategy.code={settings.code} {why}: leave strategy.{name} out."
            )
    if settings.clip_update is not None and (replaced or found.combine is not TeamStrategy.combine):
        method = "aggregate_train" if replaced else "combine"
        raise ConfigurationError(
            f"strategy.clip_update={settings.clip_update} bounds what goes into a weighted average, but "
            f"strategy.code={settings.code} has {'an' if replaced else 'a'} {method} of its own: leave "
            "strategy.clip_update out."
        )
