"""own: a strategy from outside this repository, named in strategy.code as module:Class."""

from __future__ import annotations

import inspect
import pkgutil

from contracts.errors import ConfigurationError
from strategies.team import TeamStrategy


def own_class(code: str | None) -> type[TeamStrategy]:
    """Import and return the user's strategy.

    code: "module:Class". Raises ConfigurationError when there is no such module or class, when the module cannot be
    imported, and when the class is no whole TeamStrategy.
    """
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
    return found
