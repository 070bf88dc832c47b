"""Reading of metrics.jsonl, with checks that every line is a valid row of metrics."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage.untrusted import ADVICE, has_control_characters, is_there, parse_json, read_file
from fedqmix.server.records.row import Row
from fedqmix.server.records.scores import RETURN, WON, is_evaluation, score_of

LARGEST = 256 * 2**20
"""Largest size of metrics.jsonl in bytes; a row takes about two thousand."""
REFUSED = "fed/refused_"
MEASURED = ("env_step", "elapsed_s")
"""The metrics that every row has, beside a win rate or a return."""
GREATEST = sys.float_info.max
"""Largest absolute value in a row. A comparison with it also rejects NaN."""


def read_rows(path: Path) -> list[Row]:
    """Read all rows of a file; empty when it does not exist.

    A last line without a newline was cut off by a crash and is left out. Raises CheckpointError for a file that cannot
    be read or is larger than LARGEST, and for another line that is not a row of metrics; the error names the line.
    """
    return parse_rows(path, read_file(path, LARGEST)) if is_there(path) else []


def parse_rows(path: Path, content: bytes) -> list[Row]:
    """Parse the rows in the content of a file.

    path: its name in errors. Raises as `read_rows` does.
    """
    rows: list[Row] = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        place = f"{path}, line {number},"
        row = parse_json(place, line)
        if is_refusal(row):
            continue
        if (fault := row_fault(row, rows[-1] if rows else None)) is not None:
            raise CheckpointError(f"{place} is damaged: it is not a row of metrics, {fault}. {ADVICE}")
        rows.append(row)
    return rows


def is_refusal(row: Any) -> bool:
    """Return whether a row has no evaluation but a final refusal (RoundEnd.tell_refusals)."""
    return isinstance(row, dict) and not is_evaluation(row) and any(name.startswith(REFUSED) for name in row)


def row_fault(row: Any, before: Row | None = None) -> str | None:
    """Return the reason why a value is not a valid row of metrics, None when it is one.

    A valid row maps names to finite numbers and has every metric of MEASURED, within its range, and a win rate or, in a
    run without wins, a return. before: the previous row; environment steps never decrease, and the score stays.
    """
    if not isinstance(row, dict):
        return "as a JSON object is needed"
    for name, value in row.items():
        if has_control_characters(name):
            return f"as a name holds control characters ({name[:80]!r})"
        if type(value) not in (int, float) or not abs(value) <= GREATEST:
            return f"as its {name[:80]} is not a finite number"
    lacking = [name for name in MEASURED if name not in row]
    if not is_evaluation(row):
        lacking.append(f"{WON} or {RETURN}")
    if lacking:
        return f"as it has no {' and no '.join(lacking)}"
    return _impossible(row, before)


def _impossible(row: Row, before: Row | None) -> str | None:
    least = before["env_step"] if before is not None else 0
    if type(row["env_step"]) is not int or row["env_step"] < least:
        return f"as its env_step must be a whole number, at least {least}"
    if before is not None and score_of([row]) is not score_of([before]):
        return f"as either every row of a run has a {WON}, or none has"
    if row["elapsed_s"] < 0 or not 0 <= row.get(WON, 0) <= 1:
        return f"as its elapsed_s must be at least 0, and its {WON} from 0 to 1"
    return None
