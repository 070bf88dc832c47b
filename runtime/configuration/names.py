"""The names of settings, groups and choices, and the name nearest to a typo."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import typing
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fedqmix import conf
from fedqmix.conf.kinds import kind
from fedqmix.conf.registry import CHOICES, settings_class
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.earlier import RENAMED

CONFIG_DIR = Path(conf.__file__).parent


@dataclasses.dataclass(frozen=True)
class Setting:
    """One leaf of the schema: its type, and its metadata (low, high, above, below, choices, doc)."""

    type: Any
    metadata: typing.Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The valid values, in words."""
        return kind(self.type, self.metadata)


@cache
def settings() -> dict[str, Setting]:
    """Return every setting of every choice by its full name ("algorithm.batch_size"), section by section.

    Within a section, those of all choices come first. `choices.settings_of` has those of one run.
    """
    found: dict[str, Setting] = {}
    common = dict(fields_of(Config, ""))
    for section in dict.fromkeys(name.partition(".")[0] for name in common):
        found |= {name: one for name, one in common.items() if name.partition(".")[0] == section}
        for choice in CHOICES.get(section, ()):
            mine = fields_of(settings_class(section, choice), f"{section}.")
            found |= {name: one for name, one in mine if name not in found}
    return found


@cache
def choice_settings(group: str, choice: str) -> typing.Mapping[str, Setting]:
    """Return the settings of one choice by full name, in its class's order. Raises KeyError for an unknown choice."""
    return dict(fields_of(settings_class(group, choice), f"{group}."))


def fields_of(section: type, prefix: str) -> Iterable[tuple[str, Setting]]:
    """Yield the settings of a class, and of the sections in it, by full name."""
    types = typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        declared = types[field.name]
        if dataclasses.is_dataclass(declared):
            yield from fields_of(typing.cast(type, declared), f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, Setting(declared, field.metadata)


@cache
def writable() -> tuple[str, ...]:
    """Return the settings that a user sets by name; a group sets algorithm.name and the like."""
    return tuple(name for name in settings() if not name.endswith(".name"))


@cache
def sections() -> tuple[str, ...]:
    """Return the sections of settings: algorithm, strategy, ..., stop."""
    return tuple(dict.fromkeys(name.split(".")[0] for name in settings() if "." in name))


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """Return every group with its choices: a folder, and the YAML files in it."""
    folders = sorted(path for path in CONFIG_DIR.iterdir() if any(path.glob("*.yaml")))
    return {folder.name: tuple(sorted(file.stem for file in folder.glob("*.yaml"))) for folder in folders}


def nearest(word: str, allowed: Sequence[str]) -> str | None:
    """Return the allowed name nearest to a word, None when none is near; case is ignored."""
    by_lower = {name.lower(): name for name in allowed}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def nearest_setting(word: str) -> str | None:
    """Return the setting or group nearest to a word, by its full name or by its last part."""
    names = [*groups(), *writable()]
    full = nearest(word, names)
    if full is not None and _alike(word, full) > 0.85:
        return full
    last = word.rsplit(".", 1)[-1]
    ends = {name.rsplit(".", 1)[-1]: name for name in reversed(names)}
    end = nearest(last, list(ends))
    return ends[end] if end is not None else full


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


def unknown(what: str, word: str, allowed: Sequence[str]) -> str:
    """Return the error text for an unknown word, with the nearest name and all allowed ones.

    what: the kind of name ("map").
    """
    near = nearest(word, allowed)
    hint = f"; did you mean '{near}'?" if near else "."
    return f"unknown {what} '{word}'{hint} Allowed: {', '.join(allowed)}."


def unknown_setting(name: str, value: str = "...") -> str:
    """Say that there is no setting of this name, which one looks like it, and which there are around it."""
    if name in RENAMED:
        return f"the setting '{name}' is now called {RENAMED[name]}: write {RENAMED[name]}={value}."
    near = nearest_setting(name)
    hint = f"; did you mean '{near}={value}'?" if near else "."
    section, dot, _ = name.partition(".")
    if dot and section in sections():
        around = [key for key in writable() if key.startswith(section + ".")]
        return f"unknown setting '{name}'{hint} Settings of {section}: {', '.join(around)}."
    tops = list(dict.fromkeys([*groups(), *sections(), *(key for key in settings() if "." not in key)]))
    listed = ", ".join(f"{top}.*" if top in sections() and top not in groups() else top for top in tops)
    return f"unknown setting '{name}'{hint} Groups and settings: {listed}; `fedqmix train --help` lists more."


def program() -> str:
    """Return the command that starts this program, for commands that a user copies."""
    name = sys.argv[0].rsplit("/", 1)[-1]
    return "python -m fedqmix" if name in ("__main__.py", "") else "fedqmix"
