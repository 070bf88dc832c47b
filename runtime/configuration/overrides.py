"""Command-line overrides, parsed by Hydra's parser; errors are reported in full sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from fedqmix.runtime.configuration.names import groups, sections, settings, unknown, unknown_setting
from fedqmix.runtime.core.errors import ConfigurationError

_NO_TEXTS = ("true", "false", "null", "inf", "nan")
"""Words that Hydra's grammar does not read as text."""


def parse(overrides: Sequence[str], loader: ConfigLoader | None = None) -> list[Override]:
    """Parse overrides ("seed=3", "seed=0,1,2"), and check syntax, names and group choices.

    loader: needed for glob sweeps only ("strategy=glob(*_pps)"). Raises ConfigurationError.
    """
    parsed = [parse_one(text) for text in overrides]
    for override in parsed:
        override.config_loader = loader
        _check_name(override)
        _check_value(override)
    return parsed


def parse_one(text: str) -> Override:
    """Parse one override, and check its syntax alone. Raises ConfigurationError."""
    if "=" not in text.lstrip("="):
        raise ConfigurationError(f"'{text}' sets nothing: write name=value, for example map=3m or strategy=a_pps.")
    try:
        return OverridesParser.create().parse_override(text)
    except RecursionError as error:
        raise ConfigurationError(f"cannot read '{text[:80]}...': brackets are nested too deep.") from error
    except (HydraException, ValueError) as error:  # ValueError: a number with more digits than Python reads
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"cannot read '{text}': {reason}. Write name=value; a value with spaces, commas, brackets or '=' in it "
            "needs quotes inside the shell's own: \"run_dir='my runs/first'\"."
        ) from error


def _check_name(override: Override) -> None:
    name, text = override.key_or_group, str(override.input_line)
    if override.type is not OverrideType.CHANGE:
        plain = text.lstrip("+~")
        raise ConfigurationError(f"'{text}' adds or deletes a setting; all settings exist already: write {plain}.")
    if override.package is not None:
        raise ConfigurationError(f"'{text}': groups have one place only; write {name}={override.get_value_string()}.")
    if name not in groups() and name not in sections() and name not in settings():
        raise ConfigurationError(unknown_setting(name, override.get_value_string()))
    if name.endswith(".name"):
        group = name.removesuffix(".name")
        raise ConfigurationError(f"{name} is not set by itself: write {group}={override.get_value_string()}.")


def _check_value(override: Override) -> None:
    """Check values that need no composition: a group takes a known choice, a section no value."""
    name, given = override.key_or_group, override.get_value_string()
    if override.is_sweep_override():
        return
    value = override.value()
    if name in groups():
        if isinstance(value, list | dict):
            raise ConfigurationError(f"'{name}={given}': one of {', '.join(groups()[name])} is needed.")
        if str(value) not in groups()[name]:
            raise ConfigurationError(unknown(name, given, groups()[name]))
    elif name in sections() and not isinstance(value, dict):
        first = next(key for key in settings() if key.startswith(name + "."))
        raise ConfigurationError(f"'{name}={given}': {name} holds several settings; name one of them, like {first}=...")


def single(parsed: Sequence[Override]) -> None:
    """Check that no override is a sweep. Raises ConfigurationError."""
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigurationError(
                f"'{override.input_line}' names several values: add -m to train with each of them in turn, or quote "
                "the value if it is one."
            )


def quoted(value: str) -> str:
    """Return a text in Hydra's grammar, quoted if Hydra would read it as anything but text."""
    if re.fullmatch(r"[A-Za-z/][\w./-]*", value, re.ASCII) and value.lower() not in _NO_TEXTS:
        return value
    doubled = re.sub(r"\\+(?='|$)", lambda slashes: 2 * slashes[0], value)  # elsewhere Hydra keeps a backslash
    return "'" + doubled.replace("'", "\\'") + "'"


def as_written(value: Any) -> str:
    """Return a value in Hydra's grammar: null, true, a number, a quoted text, or a list."""
    if isinstance(value, list):
        return "[" + ",".join(as_written(one) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return quoted(value) if isinstance(value, str) else repr(value)
