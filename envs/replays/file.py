"""The file format of a replay: gzipped JSON with a version, rounded to visible precision.

{"format": "fedqmix replay", "version": 1, "map": ..., "occasion": {...}, "result": ...,
 "walkable": ["..#", ...]      one text per row, southernmost first; "." is walkable
 "units": [{"side": ..., "index": ..., "type": ..., "radius": ..., "health_max": ..., "shield_max": ...}, ...],
 "x": [[...], ...], ...        the columns of envs.replays.record.Replay, in its shapes; null in q_values marks
                               an unavailable action
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from fedqmix.envs.replays.record import Occasion, Replay, Result, Unit
from fedqmix.runtime.core.errors import ReplayError

FORMAT, VERSION = "fedqmix replay", 1
SUFFIX = ".json.gz"
GZIP = b"\x1f\x8b"
ADVICE = "Choose another replay of the run."
LARGEST = 256 * 2**20
"""Most bytes of JSON that are read; the longest episode of the largest map takes a few million."""
LARGEST_PACKED = 64 * 2**20
"""Most bytes of a file; the longest episode takes a few hundred thousand."""
DECIMALS = {
    "x": 3,
    "y": 3,
    "health": 2,
    "shield": 2,
    "energy_or_cooldown": 2,
    "q_values": 4,
    "individual_rewards": 5,
    "team_reward": 5,
}
WHOLE, FLAGS = ("target", "actions"), ("explored",)


def replay_files(folder: Path) -> dict[str, Path]:
    """Return the replay files in a folder by name ("best", "round-000012"); empty without any."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"[!.]*{SUFFIX}"))}


def replay_bytes(replay: Replay) -> bytes:
    """Return the bytes of a replay's file; equal replays have equal bytes."""
    text = json.dumps(document(replay), separators=(",", ":"), allow_nan=False)
    return gzip.compress(text.encode(), mtime=0)


def document(replay: Replay) -> dict[str, Any]:
    """Return a replay as plain JSON values."""
    columns: dict[str, Any] = {name: np.round(getattr(replay, name), digits) for name, digits in DECIMALS.items()}
    columns = {name: (values + 0.0).tolist() for name, values in columns.items()}  # no -0.0
    columns["q_values"] = [
        [[None if np.isnan(q) else q for q in agent] for agent in step] for step in columns["q_values"]
    ]
    columns |= {name: getattr(replay, name).astype(int).tolist() for name in (*WHOLE, *FLAGS)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "map": replay.map,
        "occasion": asdict(replay.occasion),
        "result": replay.result.value,
        "walkable": ["".join(".#"[not cell] for cell in row) for row in replay.walkable.T],
        "units": [asdict(unit) for unit in replay.units],
        **columns,
    }


def read_replay(path: str | Path) -> Replay:
    """Read a replay.

    Raises ReplayError when the file is missing, damaged, not a replay, or of another version.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            packed = file.read(LARGEST_PACKED + 1)
    except FileNotFoundError as error:
        raise ReplayError(f"there is no replay {path}.") from error
    except OSError as error:
        raise ReplayError(f"cannot read {path}: {error.strerror}.") from error
    if len(packed) > LARGEST_PACKED:
        raise ReplayError(f"{path} is not a valid replay: it has more than {LARGEST_PACKED:,} bytes.")
    if not packed.startswith(GZIP):
        raise ReplayError(f"{path} is not a valid replay: a replay is a file like RUN/replays/best{SUFFIX}.")
    try:
        with gzip.open(BytesIO(packed)) as unpacked:
            data = unpacked.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ReplayError(f"{path} is damaged: it ends too early or was changed. {ADVICE}") from error
    if len(data) > LARGEST:
        raise ReplayError(f"{path} is not a valid replay: it holds more than {LARGEST:,} bytes.")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets that are nested too deep
        raise ReplayError(f"{path} is not a valid replay: it does not hold JSON.") from error
    return _replay(path, values)


def _replay(path: Path, values: Any) -> Replay:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ReplayError(f"{path} is not a valid replay: its format is not {FORMAT!r}.")
    if values.get("version") != VERSION:
        raise ReplayError(
            f"{path} has version {values.get('version')!r}; this fedqmix reads version {VERSION}: use the fedqmix "
            "that wrote it, or play the episode again."
        )
    try:
        return _assembled(values)
    except KeyError as error:
        raise ReplayError(f"{path} is damaged: it has no {error}. {ADVICE}") from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ReplayError(f"{path} is damaged: {error}. {ADVICE}") from error


def _assembled(values: Mapping[str, Any]) -> Replay:
    rows = values["walkable"]
    if not all(isinstance(row, str) and set(row) <= {".", "#"} for row in rows):
        raise ValueError("walkable must be rows of '.' and '#'")
    columns: dict[str, Any] = {name: np.array(values[name], np.float64) for name in DECIMALS}  # None becomes NaN
    for name in (*WHOLE, *FLAGS):
        found = np.array(values[name])
        if found.dtype.kind != "i":
            raise ValueError(f"{name} must be whole numbers")
        columns[name] = found.astype(np.bool_ if name in FLAGS else np.int64)
    return Replay(
        map=_typed(values["map"], str, "map"),
        occasion=_record(Occasion, values["occasion"]),
        result=Result(values["result"]),
        walkable=np.array([[cell == "." for cell in row] for row in rows], np.bool_).T.copy(),
        units=tuple(_record(Unit, one) for one in values["units"]),
        **columns,
    )


def _record(kind: Any, values: Mapping[str, Any]) -> Any:
    """Build an Occasion or a Unit; every field must be present with its type."""
    types = {"str": str, "int": int, "float": (int, float)}
    return kind(
        **{field.name: _typed(values[field.name], types[str(field.type)], field.name) for field in fields(kind)}
    )


def _typed(value: Any, kind: Any, name: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}")
    return value
