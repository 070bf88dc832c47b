"""Reading of summary.json, a run's record of its end, with its types checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.storage.untrusted import ADVICE, is_there, parse_object, read_file
from fedqmix.server.records import SCORES, Row, read_rows, score_of

SUMMARY, METRICS = "summary.json", "metrics.jsonl"
TYPES = {"outcome": str, "command": str, "game": str, "score": str, "versions": dict, "machine": dict}
"""Keys of a summary and their types; an older summary may lack some."""


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a run folder; empty before the run's first end.

    Raises CheckpointError when it is damaged.
    """
    file = folder / SUMMARY
    return parse_summary(file, read_file(file)) if is_there(file) else {}


def read_evaluations(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """Read the summary and every evaluation of a run folder.

    Raises CheckpointError when one is damaged, or when evaluations are missing that the summary counts.
    """
    summary, rows = read_summary(folder), read_rows(folder / METRICS)
    require_evaluations(folder / METRICS, summary, rows)
    return summary, rows


def require_evaluations(metrics: Path, summary: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Check that metrics hold every evaluation that a run's summary counts, by the score that it names.

    Raises CheckpointError.
    """
    named = score_of((), summary)
    if rows and "score" in summary and named is not score_of(rows):
        raise CheckpointError(
            f"{metrics} is damaged: its rows' score is the {SCORES[score_of(rows)].label}, and {SUMMARY} names the "
            f"{SCORES[named].label}. {ADVICE}"
        )
    counted = summary.get("evaluations", 0)
    if type(counted) is int and len(rows) < counted:
        raise CheckpointError(
            f"{metrics} is damaged: it holds {len(rows)} evaluations, and {SUMMARY} counts {counted}. {ADVICE}"
        )


def parse_summary(file: Path, data: bytes) -> dict[str, Any]:
    """Parse the content of a summary file. file: for errors.

    Raises CheckpointError when damaged.
    """
    found = parse_object(file, data)
    for name, kind in TYPES.items():
        if name in found and not isinstance(found[name], kind):
            needed = "a text" if kind is str else "a JSON object"
            raise CheckpointError(f"{file} is damaged: its {name} is not {needed}. {ADVICE}")
    if "score" in found and found["score"] not in tuple(Score):
        raise CheckpointError(f"{file} is damaged: its score is not one of {', '.join(Score)}. {ADVICE}")
    return found
