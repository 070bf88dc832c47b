"""The valid values of a setting, in words."""

from __future__ import annotations

import types
import typing

from fedqmix.runtime.configuration.names import Setting

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def kind(setting: Setting) -> str:
    """Describe a setting's valid values: "a whole number, at least 1"."""
    choices = setting.metadata.get("choices")
    if choices:
        return "one of " + ", ".join(choices)
    if text := setting.metadata.get("words"):
        return str(text)
    if typing.get_origin(setting.type) is list:
        return "a list such as [head.*]"
    options = typing.get_args(setting.type) if isinstance(setting.type, types.UnionType) else (setting.type,)
    words = [_KINDS[option] for option in options if option is not type(None)]
    limits = _limits(setting)
    orders = [", " + limits] if limits else []
    null = [", or null"] if type(None) in options else []
    return "".join([*words, *orders, *null])


def _limits(setting: Setting) -> str:
    low, high, above, below = (setting.metadata.get(key) for key in ("low", "high", "above", "below"))
    if low is None:
        return ""
    lower = f"greater than {low}" if above else f"at least {low}"
    upper = f"less than {high}" if below else f"at most {high}"
    return lower if high is None else f"{lower} and {upper}"
