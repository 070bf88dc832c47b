"""The option `seeds=[1,2,3]` of `fedqmix train`: one experiment of several runs."""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.runtime.configuration.overrides import parse_one
from fedqmix.runtime.core.errors import ConfigurationError

SEEDS = "seeds"


def take_seeds(words: Sequence[str]) -> tuple[list[int] | None, list[str]]:
    """Return the seeds, None when the words lack them, and the other words.

    Raises ConfigurationError unless the seeds are a list of different whole numbers, at least 0, set once and without
    seed= and resume=.
    """
    given = [word for word in words if name_of(word) == SEEDS and "=" in word]
    others = [word for word in words if word not in given]
    if not given:
        return None, others
    if len(given) > 1:
        raise ConfigurationError(f"'{' '.join(given)}': write all seeds in one list, {SEEDS}=[1,2,3].")
    for other in others:
        if name_of(other) == "seed":
            raise ConfigurationError(f"'{given[0]}' and '{other}': one of both is needed, all seeds or the only one.")
        if name_of(other) == "resume":
            raise ConfigurationError(
                f"'{given[0]}' beside '{other}': a resumed run has its seeds already; leave {SEEDS}= out. More seeds "
                f"of the same experiment: {SEEDS}=[...] run_dir=FOLDER and the settings it was begun with."
            )
    return _read(given[0]), others


def name_of(word: str) -> str:
    """Return the name that an override sets: "seed" for "seed=3"."""
    return word.partition("=")[0].strip()


def _read(word: str) -> list[int]:
    override = parse_one(word)
    value = None if override.is_sweep_override() else override.value()
    if not isinstance(value, list) or not value or not all(type(one) is int and one >= 0 for one in value):
        raise ConfigurationError(
            f"'{word}': a list of whole numbers, at least 0, is needed: {SEEDS}=[1,2,3] (some shells want it quoted)."
        )
    if repeated := [one for one in value if value.count(one) > 1]:
        raise ConfigurationError(f"'{word}' names seed {repeated[0]} twice.")
    return value
