"""Calling from a test what otherwise only compiled code calls."""

from __future__ import annotations

from typing import Any

from fedqmix.envs.skirmish.compile import kernel


def callable_kernel(function: Any) -> Any:
    """Compile an inner function of the rules once more, so that Python can call it."""
    return kernel(function.py_func)
