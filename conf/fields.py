"""The fields of settings: a required value with its range and its meaning. The YAML files hold the values.

This module imports nothing heavy, so a settings class can be read without torch, numba, Flower and Hydra.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from typing import Any, TypeVar, cast

MISSING: Any = "???"
"""OmegaConf's mark of a required value (omegaconf.MISSING); written out, so that nothing need be imported."""

Section = TypeVar("Section")


def number(low: float, high: float | None = None, *, above: bool = False, below: bool = False, doc: str = "") -> Any:
    """Return the field of a required number, low <= value <= high.

    above: low < value. below: value < high. doc: the meaning, in a phrase.
    """
    return field(default=MISSING, metadata={"low": low, "high": high, "above": above, "below": below, "doc": doc})


def choice(*values: str, doc: str = "") -> Any:
    """Return the field of a required word, one of the values. doc: the meaning, in a phrase."""
    return field(default=MISSING, metadata={"choices": values, "doc": doc})


def value(default: Any = MISSING, *, doc: str = "") -> Any:
    """Return the field of a value whose type is its range: true or false, a text, a list. doc: the meaning."""
    return field(default=default, metadata={"doc": doc})


def words(kind: str, *, doc: str = "") -> Any:
    """Return the field of a required value that no type describes. kind: its valid values, in words."""
    return field(default=MISSING, metadata={"words": kind, "doc": doc})


def with_known(section: Section, **changes: Any) -> Section:
    """Return a section of settings with changes; changes of settings that its class lacks are left out."""
    known = {one.name for one in fields(cast(Any, section))}
    return cast(Section, replace(cast(Any, section), **{name: new for name, new in changes.items() if name in known}))
