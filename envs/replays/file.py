"""The file format of a replay: gzipped JSON with a version, rounded to visible precision.

{"format": "fedqmix replay", "version": 1, "map": ..., "occasion": {...}, "result": ...,
 "walkable": ["..#", ...]      one text per row, southernmost first; "." is walkable
 "units": [{"side": ..., "index": ..., "type": ..., "radius": ..., "health_max": ..., "shield_max": ...}, ...],
 "x": [[...], ...], ...        the columns of envs.replays.record.Replay, in its shapes; null in q_values marks
                               an unavailable action

Version 1 is a battle. Version 2 is an episode of another world: it has "scenery", the values that
envs.replays.scenery.scenery_document names, and neither "walkable" nor the columns that only battles have.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Container, Mapping
from dataclasses import asdict, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from fedqmix.envs.replays.record import Occasion, Replay, Result, Unit
from fedqmix.envs.replays.scenery import read_scenery, scenery_document
from fedqmix.runtime.core.errors import ReplayError
from fedqmix.runtime.core.world import Bools

FORMAT = "fedqmix replay"
BATTLE, SCENERY = VERSIONS = (1, 2)
"""The versions; battles keep the first, so that earlier releases read them."""
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
OF_BATTLES = {"health": 1.0, "shield": 0.0, "energy_or_cooldown": 0.0, "target": -1}
"""The columns that files of other worlds leave out, and the value that they then have everywhere."""


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
    place: dict[str, Any] = {"walkable": ["".join(".#"[not cell] for cell in row) for row in replay.walkable.T]}
    if replay.scenery is not None:
        columns = {name: values for name, values in columns.items() if name not in OF_BATTLES}
        place = {"scenery": scenery_document(replay.scenery)}
    return {
        "format": FORMAT,
        "version": BATTLE if replay.scenery is None else SCENERY,
        "map": replay.map,
        "occasion": asdict(replay.occasion),
        "result": replay.result.value,
        **place,
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
    if values.get("version") not in VERSIONS:
        raise ReplayError(
            f"{path} has version {values.get('version')!r}; this fedqmix reads {BATTLE} and {SCENERY}: use the fedqmix "
            "that wrote it, or play the episode again."
        )
    try:
        return _assembled(values)
    except KeyError as error:
        raise ReplayError(f"{path} is damaged: it has no {error}. {ADVICE}") from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ReplayError(f"{path} is damaged: {error}. {ADVICE}") from error


def _assembled(values: Mapping[str, Any]) -> Replay:
    scenery = None if values["version"] == BATTLE else read_scenery(values["scenery"], len(values["team_reward"]) + 1)
    columns = _columns(values, () if scenery is None else OF_BATTLES)
    if scenery is not None:
        columns |= {
            name: np.full(columns["x"].shape, value, np.int64 if name in WHOLE else np.float64)
            for name, value in OF_BATTLES.items()
        }
    return Replay(
        map=_typed(values["map"], str, "map"),
        occasion=_record(Occasion, values["occasion"]),
        result=Result(values["result"]),
        walkable=_walkable(values["walkable"]) if scenery is None else np.ones(scenery.scene.size, np.bool_),
        units=tuple(_record(Unit, one) for one in values["units"]),
        scenery=scenery,
        **columns,
    )


def _columns(values: Mapping[str, Any], without: Container[str]) -> dict[str, Any]:
    """Return the columns of a document by name, but for those that it leaves out."""
    present = [name for name in DECIMALS if name not in without]
    columns: dict[str, Any] = {name: np.array(values[name], np.float64) for name in present}  # None becomes NaN
    for name in (*WHOLE, *FLAGS):
        if name in without:
            continue
        found = np.array(values[name])
        if found.dtype.kind != "i":
            raise ValueError(f"{name} must be whole numbers")
        columns[name] = found.astype(np.bool_ if name in FLAGS else np.int64)
    return columns


def _walkable(rows: Any) -> Bools:
    if not all(isinstance(row, str) and set(row) <= {".", "#"} for row in rows):
        raise ValueError("walkable must be rows of '.' and '#'")
    return np.array([[cell == "." for cell in row] for row in rows], np.bool_).T.copy()


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
