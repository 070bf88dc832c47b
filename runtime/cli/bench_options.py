"""The words after `fedqmix bench NAME`: what they may be, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fedqmix.envs import available_maps
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.core.errors import ConfigurationError

MOST_SHIFT = 2.0  # cells; from farther away another battle begins

Number = TypeVar("Number", int, float)


def split(words: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Part a benchmark's own options from the other words."""
    pairs = [word.partition("=") for word in words]
    options = {name: value for name, equals, value in pairs if equals and name in names}
    return options, [word for word, pair in zip(words, pairs, strict=True) if pair[0] not in names]


def only(benchmark: str, words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return a benchmark's options. Raises ConfigurationError for a word that is none of them."""
    options, rest = split(words, names)
    if rest:
        raise ConfigurationError(f"'{rest[0]}' is no option of bench {benchmark}; see: fedqmix bench --help")
    return options


def maps(options: Mapping[str, str]) -> list[str]:
    """Return the maps asked for, by default all. Raises ConfigurationError for an unknown one."""
    return choices(options, "maps", "map", available_maps())


def choices(options: Mapping[str, str], name: str, one: str, allowed: Sequence[str]) -> list[str]:
    """Return the values of an option, by default all allowed ones. Raises ConfigurationError for another one.

    one: what a single value is called in the error.
    """
    values = options[name].split(",") if name in options else list(allowed)
    for value in values:
        if value not in allowed:
            raise ConfigurationError(unknown(one, value, allowed))
    return values


def numbers(options: Mapping[str, str], name: str, default: Sequence[int]) -> list[int]:
    """Return whole numbers above 0. Raises ConfigurationError for anything else."""
    texts = options[name].split(",") if name in options else [str(number) for number in default]
    return [number({name: text}, name, int, 1) for text in texts]


def number(options: Mapping[str, str], name: str, kind: Callable[[str], Number], default: Number) -> Number:
    """Return one number above 0. Raises ConfigurationError for anything else."""
    try:
        value = kind(options[name]) if name in options else default
    except ValueError:
        value = kind("0")
    if not value > 0:
        raise ConfigurationError(f"{name}={options[name]} must be a number above 0")
    return value


def between(options: Mapping[str, str], name: str, most: float) -> float:
    """Return a number from 0, the default, to `most`. Raises ConfigurationError for anything else."""
    try:
        value = float(options.get(name, "0"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ConfigurationError(f"{name}={options[name]} must be a number from 0 to {most:g}")
    return value


def seed(options: Mapping[str, str]) -> int:
    """Return the seed, by default 0. Raises ConfigurationError if it is no whole number from 0 on."""
    text = options.get("seed", "0")
    if not text.isdecimal():
        raise ConfigurationError(f"seed={text} must be a whole number, 0 or above")
    return int(text)
