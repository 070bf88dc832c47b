"""Replacement of names inside Flower; a missing name or an untested version is an error."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from fedqmix.runtime.core.errors import ConfigurationError

TESTED = ("1.41", "1.42")
"""The versions of flwr whose internals are tested (tests/runtime/flower/test_flower_internals.py)."""


def require_tested() -> None:
    """Raise ConfigurationError unless access control is tested with this version of flwr."""
    found = metadata.version("flwr")
    if ".".join(found.split(".")[:2]) not in TESTED:
        raise ConfigurationError(
            f"flwr {found} is installed. Callers' certificates and bundles are checked inside Flower, which is tested "
            f"with flwr {' and '.join(TESTED)} only, so this process does not start. Install one of them: "
            f"pip install 'flwr~={TESTED[-1]}.0'"
        )


def module(path: str) -> Any:
    """Import a module of Flower. Raises ConfigurationError when this version lacks it."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise ConfigurationError(_missing(path)) from error


def name(owner: Any, word: str) -> Any:
    """Return an attribute of a module or class of Flower.

    Raises ConfigurationError when this version lacks it.
    """
    if not hasattr(owner, word):
        raise ConfigurationError(_missing(f"{owner.__name__}.{word}"))
    return getattr(owner, word)


def replace(owner: Any, **values: Any) -> None:
    """Replace attributes of a module or class of Flower.

    Raises ConfigurationError when one is missing; then none is replaced.
    """
    for word in values:
        name(owner, word)
    for word, value in values.items():
        setattr(owner, word, value)


def _missing(what: str) -> str:
    return (
        f"flwr {metadata.version('flwr')} has no {what}, which fedqmix replaces to authenticate callers; this "
        f"process does not start without it. Install a tested version: pip install 'flwr~={TESTED[-1]}.0'"
    )
