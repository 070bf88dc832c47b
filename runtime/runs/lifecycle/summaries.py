"""summary.json as it is read again: what a run says of its own end, checked to be of the right types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage.untrusted import ADVICE, is_there, parse_object, read_file
from fedqmix.server.records import Row

SUMMARY = "summary.json"
TYPES = {"outcome": str, "command": str, "game": str, "versions": dict, "machine": dict}
"""What is read of a summary; an older one need not have all."""


def read_summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a run folder; empty before a run's first end. Raises CheckpointError for a damaged one."""
    file = folder / SUMMARY
    return parse_summary(file, read_file(file)) if is_there(file) else {}


def require_evaluations(metrics: Path, summary: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Check that metrics hold every evaluation that a run's summary tells of. Raises CheckpointError."""
    told = summary.get("evaluations", 0)
    if type(told) is int and len(rows) < told:
        raise CheckpointError(
            f"{metrics} is damaged: it holds {len(rows)} evaluations, and {SUMMARY} tells of {told}. {ADVICE}"
        )


def parse_summary(file: Path, data: bytes) -> dict[str, Any]:
    """Return the summary in the content of a file. Raises CheckpointError for a damaged one. file: for errors."""
    found = parse_object(file, data)
    for name, kind in TYPES.items():
        if name in found and not isinstance(found[name], kind):
            needed = "a text" if kind is str else "a JSON object"
            raise CheckpointError(f"{file} is damaged: its {name} is not {needed}. {ADVICE}")
    return found
