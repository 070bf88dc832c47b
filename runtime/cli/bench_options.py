"""The options of `fedqmix bench NAME`: parsing and validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.factory import available_maps, available_tasks
from fedqmix.envs.options import skirmish_options
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.ranges import check_map
from fedqmix.runtime.core.errors import ConfigurationError

MOST_SHIFT = 2.0  # cells; a larger shift is a different scenario

Number = TypeVar("Number", int, float)


def split(words: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Split a benchmark's own options from the other words."""
    pairs = [word.partition("=") for word in words]
    options = {name: value for name, equals, value in pairs if equals and name in names}
    return options, [word for word, pair in zip(words, pairs, strict=True) if pair[0] not in names]


def only(benchmark: str, words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Parse a benchmark's options. Raises ConfigurationError for any other word."""
    options, rest = split(words, names)
    if rest:
        raise ConfigurationError(f"'{rest[0]}' is not an option of bench {benchmark}; see: fedqmix bench --help")
    return options


def maps(options: Mapping[str, str], env: EnvConfig | None = None) -> list[str]:
    """Return the maps of the option maps=, by default all that the suite lists.

    env: a suite's settings; None: those of env=skirmish, with SMAC's maps as default. Raises ConfigurationError for
    unknown maps.
    """
    usual = available_tasks(env.name) if env is not None else available_maps()
    env = env if env is not None else skirmish_options()
    tasks = available_tasks(env.name)
    names = options["maps"].split(",") if "maps" in options else list(usual)
    for name in names:
        check_map(name, env, tasks)
    return names


def choices(options: Mapping[str, str], name: str, one: str, allowed: Sequence[str]) -> list[str]:
    """Return the values of an option, by default all allowed ones.

    one: the name of a single value in the error. Raises ConfigurationError for a value that is not allowed.
    """
    values = options[name].split(",") if name in options else list(allowed)
    for value in values:
        if value not in allowed:
            raise ConfigurationError(unknown(one, value, allowed))
    return values


def numbers(options: Mapping[str, str], name: str, default: Sequence[int]) -> list[int]:
    """Return an option's whole numbers above 0. Raises ConfigurationError for other values."""
    texts = options[name].split(",") if name in options else [str(number) for number in default]
    return [number({name: text}, name, int, 1) for text in texts]


def number(options: Mapping[str, str], name: str, kind: Callable[[str], Number], default: Number) -> Number:
    """Return an option's number above 0. Raises ConfigurationError for other values."""
    try:
        value = kind(options[name]) if name in options else default
    except ValueError:
        value = kind("0")
    if not value > 0:
        raise ConfigurationError(f"{name}={options[name]} must be a number above 0")
    return value


def between(options: Mapping[str, str], name: str, most: float) -> float:
    """Return a number from 0, the default, to `most`.

    Raises ConfigurationError for other values.
    """
    try:
        value = float(options.get(name, "0"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ConfigurationError(f"{name}={options[name]} must be a number from 0 to {most:g}")
    return value


def seed(options: Mapping[str, str]) -> int:
    """Return the seed, by default 0. Raises ConfigurationError unless it is a whole number >= 0."""
    text = options.get("seed", "0")
    if not text.isdecimal():
        raise ConfigurationError(f"seed={text} must be a whole number, 0 or above")
    return int(text)
