"""The valid values of a setting: in words, and whether a value is among them."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from typing import Any

Metadata = Mapping[str, Any]
"""The metadata of a field of fedqmix.conf.fields: choices, words, low, high, above, below."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def kind(declared: Any, metadata: Metadata) -> str:
    """Describe a setting's valid values: "a whole number, at least 1". declared: the field's type."""
    choices = metadata.get("choices")
    if choices:
        return "one of " + ", ".join(choices)
    if text := metadata.get("words"):
        return str(text)
    if typing.get_origin(declared) is list:
        return "a list such as [head.*]"
    options = typing.get_args(declared) if isinstance(declared, types.UnionType) else (declared,)
    words = [_KINDS[option] for option in options if option is not type(None)]
    limits = _limits(metadata)
    orders = [", " + limits] if limits else []
    null = [", or null"] if type(None) in options else []
    return "".join([*words, *orders, *null])


def _limits(metadata: Metadata) -> str:
    low, high, above, below = (metadata.get(key) for key in ("low", "high", "above", "below"))
    if low is None:
        return ""
    lower = f"greater than {low}" if above else f"at least {low}"
    upper = f"less than {high}" if below else f"at most {high}"
    return lower if high is None else f"{lower} and {upper}"


def within(value: Any, metadata: Metadata) -> bool:
    """Return whether a value of the right type is one of a setting's choices, or in its range."""
    choices = metadata.get("choices")
    if choices:
        return value in choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    low, high, above, below = (metadata.get(key) for key in ("low", "high", "above", "below"))
    inside = math.isfinite(value)
    inside = inside and (low is None or (value > low if above else value >= low))
    return inside and (high is None or (value < high if below else value <= high))
