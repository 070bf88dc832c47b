"""The settings of a group's choices: which choice has which, and what becomes of another's.

A setting that another choice of the group has is refused where a user types it, and dropped where a file holds it: an
experiment is for all methods, and the folder of an older run holds the settings of all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from fedqmix.conf.registry import CHOICES, OWN
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.explaining import usual_choices
from fedqmix.runtime.configuration.names import Setting, choice_settings, fields_of, settings
from fedqmix.runtime.configuration.overrides import parse_one
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.core.errors import ConfigurationError

Chosen = tuple[tuple[str, str], ...]
"""(group, choice) of every group whose choices have settings classes, for the choices that there are."""


def chosen_in(tree: DictConfig) -> Chosen:
    """Return the choices in a tree of settings; groups without a valid choice are left out."""
    named = ((group, OmegaConf.select(tree, f"{group}.name", throw_on_missing=False)) for group in CHOICES)
    return tuple((group, str(choice)) for group, choice in named if str(choice) in CHOICES[group])


def chosen_of(config: Config) -> Chosen:
    """Return the choices of a configuration."""
    return tuple((group, getattr(config, group).name) for group in CHOICES)


def chosen_by(words: Sequence[str]) -> Chosen:
    """Return the choices of a command line's words, the default where they name none."""
    named = {override.key_or_group: str(override.value()) for override in map(parse_one, words)}
    return tuple((group, named.get(group, usual_choices()[group])) for group in CHOICES)


@cache
def settings_of(chosen: Chosen) -> Mapping[str, Setting]:
    """Return the settings of a run by full name; of a group without a choice those that all its choices have."""
    found = dict(fields_of(Config, ""))
    for group, choice in chosen:
        found |= choice_settings(group, choice)
    return {name: found[name] for name in settings() if name in found}


def choices_with(name: str) -> tuple[str, ...]:
    """Return the choices of a setting's group that have the setting; empty for a setting outside these groups."""
    group = name.partition(".")[0]
    return tuple(choice for choice in CHOICES.get(group, ()) if name in choice_settings(group, choice))


def of_another(name: str, chosen: Chosen) -> bool:
    """Return whether a setting belongs to other choices of its group than the chosen one."""
    group = name.partition(".")[0]
    choice = dict(chosen).get(group)
    return choice is not None and name in settings() and name not in choice_settings(group, choice)


def require_own(name: str, chosen: Chosen) -> None:
    """Check that a typed setting is one of the chosen method's. Raises ConfigurationError with those that it has."""
    if not of_another(name, chosen):
        return
    group = name.partition(".")[0]
    choice = dict(chosen)[group]
    having = choices_with(name)
    others = having if group == "env" else [one for one in having if one != OWN] or having
    has = ", ".join(one for one in choice_settings(group, choice) if not one.endswith(".name"))
    raise ConfigurationError(f"{name} is a setting of {listed(others)}; {group}={choice} has: {has}.")


def words_of(words: Sequence[str], chosen: Chosen) -> list[str]:
    """Return the words ("algorithm.alpha=0.5") that set no other choice's setting."""
    return [word for word in words if not of_another(name_of(word), chosen)]


def require_used(words: Sequence[str], runs: Sequence[Chosen]) -> None:
    """Check that each word sets a setting of at least one of several runs. Raises ConfigurationError otherwise."""
    for word in words:
        if all(of_another(name_of(word), chosen) for chosen in runs):
            require_own(name_of(word), runs[0])


def drop_others(tree: DictConfig, chosen: Chosen) -> None:
    """Delete the settings of other choices from a tree; of a group without a valid choice, those of any choice."""
    known = settings_of(chosen)
    for group in CHOICES:
        section = tree.get(group)
        if isinstance(section, DictConfig):
            names = {key: f"{group}.{key!s}" for key in section}
            with open_dict(section):
                for key, name in names.items():
                    if name in settings() and name not in known:
                        del section[key]


def values_of(config: Config) -> Mapping[str, Any]:
    """Return the values of a configuration by full name, in the order of `settings`."""
    found: dict[str, Any] = {}
    for one in dataclasses.fields(config):
        value = getattr(config, one.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{one.name}.{inner.name}": getattr(value, inner.name) for inner in dataclasses.fields(value)}
        else:
            found[one.name] = value
    return {name: found[name] for name in settings() if name in found}


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else str(last)
