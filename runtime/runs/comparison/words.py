"""Option parsing for the commands that train many runs: names, words and refused options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.overrides import parse_one
from fedqmix.runtime.configuration.seeds import SEEDS, name_of
from fedqmix.runtime.core.errors import ConfigurationError

INSTEAD = {
    "map": "maps=[3m,2s3z]",
    "algorithm": "algorithms=[qmix]",
    "strategy": "strategies=[none,rs_pps]",
    "seed": "seeds=[1,2,3]",
}
"""Settings of a single run, each with the option for many runs."""


def refuse_single(command: str, words: Sequence[str], instead: Mapping[str, str]) -> None:
    """Check that no word is for a single run or a sweep.

    Raises ConfigurationError with the word to write instead.
    """
    for word in words:
        name = name_of(word)
        if name in instead:
            raise ConfigurationError(f"'{word}': fedqmix {command} trains many runs; write {instead[name]}.")
        if name == "resume":
            raise ConfigurationError(
                f"'{word}': fedqmix {command} goes on by itself, when called again as it was begun."
            )
        if name in ("-m", "--multirun"):
            raise ConfigurationError(f"'{word}': fedqmix {command} trains many runs already; leave it out.")


def refuse_sweeps(command: str, words: Sequence[str]) -> None:
    """Check that no setting has several values, as all runs share it. Raises ConfigurationError."""
    for word in words:
        if parse_one(word).is_sweep_override():
            raise ConfigurationError(
                f"'{word}' names several values: compared runs have equal settings. Call `fedqmix {command}` for "
                "each value, with a run_dir of its own, or quote the value if it is one."
            )


def take(words: Sequence[str], key: str) -> tuple[str | None, list[str]]:
    """Return an option's value as text, None without the option, and the other words.

    Raises ConfigurationError for a list or a reference.
    """
    value, rest = _take_value(words, key)
    if value is None:
        return None, rest
    if isinstance(value, list | dict) or "${" in str(value):
        raise ConfigurationError(f"'{key}={value}': one plain word is needed.")
    return str(value), rest


def take_choice(words: Sequence[str], key: str, default: str, allowed: Sequence[str]) -> tuple[str, list[str]]:
    """Return an option's value and the other words.

    Raises ConfigurationError unless it is allowed.
    """
    value, rest = take(words, key)
    value = default if value is None else value
    if value not in allowed:
        raise ConfigurationError(unknown(key, value, allowed))
    return value, rest


def take_names(
    words: Sequence[str], key: str, default: Sequence[str], allowed: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """Return an option's list of different names, and the other words.

    Raises ConfigurationError for an empty list, and for a name that is not allowed or repeated.
    """
    value, rest = _take_value(words, key)
    if value is None:
        return tuple(default), rest
    example = f"{key}=[{','.join(default[:2])}]"
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"'{key}={value}': a list is needed: {example} (some shells want it quoted).")
    names = tuple(str(one) for one in value)
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{key}=... names {name} twice.")
        if allowed is not None and name not in allowed:
            raise ConfigurationError(unknown(f"name in {key}", name, allowed))
    return names, rest


def _take_value(words: Sequence[str], key: str) -> tuple[object, list[str]]:
    given = [word for word in words if name_of(word) == key and word.partition("=")[1]]
    rest = [word for word in words if word not in given]
    if len(given) > 1:
        raise ConfigurationError(f"'{' '.join(given)}': {key}= is needed once.")
    if not given:
        return None, rest
    override = parse_one(given[0])
    if override.is_sweep_override():
        raise ConfigurationError(f"'{given[0]}' names several values: a list has brackets, such as {SEEDS}=[1,2,3].")
    value: object = override.value()
    if value is None:
        raise ConfigurationError(f"'{given[0]}': a value is needed.")
    return value, rest
