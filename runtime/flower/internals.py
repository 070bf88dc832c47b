"""Names inside Flower that are replaced. A missing name or an untested version is an error, never passed over."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from fedqmix.runtime.core.errors import ConfigurationError

TESTED = ("1.41", "1.42")
"""The versions of flwr whose inside is known here (tests/runtime/flower/test_flower_internals.py)."""


def require_tested() -> None:
    """Raise ConfigurationError unless this version of flwr is one whose ports and programs are known to be closed."""
    found = metadata.version("flwr")
    if ".".join(found.split(".")[:2]) not in TESTED:
        raise ConfigurationError(
            f"flwr {found} is installed. Callers' certificates and bundles are checked inside Flower, which is tested "
            f"with flwr {' and '.join(TESTED)} only, so this process does not start. Install one of them: "
            f"pip install 'flwr~={TESTED[-1]}.0'"
        )


def module(path: str) -> Any:
    """Import a module of Flower. Raises ConfigurationError when this version has none of this name."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise ConfigurationError(_missing(path)) from error


def name(owner: Any, word: str) -> Any:
    """Return what a module or class of Flower calls so. Raises ConfigurationError when it has none of this name."""
    if not hasattr(owner, word):
        raise ConfigurationError(_missing(f"{owner.__name__}.{word}"))
    return getattr(owner, word)


def replace(owner: Any, **values: Any) -> None:
    """Give names of a module or class other values; none when one is missing, which raises ConfigurationError."""
    for word in values:
        name(owner, word)
    for word, value in values.items():
        setattr(owner, word, value)


def _missing(what: str) -> str:
    return (
        f"flwr {metadata.version('flwr')} has no {what}, which fedqmix replaces to keep strangers out; this process "
        f"does not start without it. Install a version that is tested: pip install 'flwr~={TESTED[-1]}.0'"
    )
