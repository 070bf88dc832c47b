"""SMAC's classes of difficulty, from difficulty.json, which names their sources."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

CLASSES = ("easy", "hard", "super hard")


def difficulty(map: str) -> str:
    """Return a map's class, in brackets if it is not by SMAC's authors; "none" without one."""
    known = _known()
    if map in known["smac"]:
        return str(known["smac"][map])
    return f"({known['survey'][map]})" if map in known["survey"] else "none"


def rank(map: str) -> int:
    """Return the index of a map's class in CLASSES, len(CLASSES) for a map without one."""
    word = difficulty(map).strip("()")
    return CLASSES.index(word) if word in CLASSES else len(CLASSES)


def by_difficulty(maps: Iterable[str]) -> list[str]:
    """Sort maps by class, the easiest first; within a class those of SMAC's authors first."""
    known = _known()
    listed = [*known["smac"], *known["survey"]]
    place = {map: number for number, map in enumerate(listed)}
    return sorted(maps, key=lambda map: (rank(map), place.get(map, len(listed)), map))


@cache
def _known() -> dict[str, Any]:
    text = resources.files("fedqmix.analysis.benchmarks").joinpath("difficulty.json").read_text(encoding="utf-8")
    known: dict[str, Any] = json.loads(text)
    return known
