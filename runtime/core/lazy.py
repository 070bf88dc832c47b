"""Packages whose names are loaded when they are first asked for.

A package that holds settings beside heavy code offers its public names so: importing
`fedqmix.algorithms.q_learning.settings` then loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def lazily(package: str, module: str, names: Sequence[str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__`, which takes names from a module of it.

    package: the package's __name__. module: the module's name in it. names: the public ones, its __all__.
    The returned function raises AttributeError for other names, as modules do.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module}"), name)

    return get
