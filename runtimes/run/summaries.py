"""summary.json as it is read again: what a run says of its own end, checked to be of the right types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.errors import CheckpointError
from storage.untrusted import ADVICE, is_there, parse_object, read_file

SUMMARY = "summary.json"
TYPES = {"outcome": str, "command": str, "game": str, "versions": dict, "machine": dict}
"""What is read of a summary; an older one need not have all."""


def read_summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a run folder; empty before a run's first end. Raises CheckpointError for a damaged one."""
    file = folder / SUMMARY
    return parse_summary(file, read_file(file)) if is_there(file) else {}


def parse_summary(file: Path, data: bytes) -> dict[str, Any]:
    """Return the summary in the content of a file. Raises CheckpointError for a damaged one. file: for errors."""
    found = parse_object(file, data)
    for name, kind in TYPES.items():
        if name in found and not isinstance(found[name], kind):
            needed = "a text" if kind is str else "a JSON object"
            raise CheckpointError(f"{file} is damaged: its {name} is not {needed}. {ADVICE}")
    return found
