"""A collected run: what is packed of a run folder, and how it is read again."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from conf.schema import Config
from contracts.errors import CheckpointError, ConfigurationError, StorageError
from runtimes.collecting.recipe import archive_name, command_of
from runtimes.configuration.ranges import to_yaml
from runtimes.configuration.received import has_control_characters, require_plain
from runtimes.configuration.settings import load, loads
from server.records import Outcome, Row, parse_rows
from storage.archive import SUFFIX, unpack

CONFIG, SUMMARY, METRICS = "config.yaml", "summary.json", "metrics.jsonl"
FILES = (CONFIG, SUMMARY, METRICS)
WON = "test_battle_won_mean"
MEASURED = ("env_step", "elapsed_s", WON)
"""What every row has."""
LARGEST = sys.float_info.max
"""Of the numbers in a row; not a number compares as larger."""
_PLACE = re.compile(r"(^|[\s=:'\"])(/|~/|[A-Za-z]:\\)\w")
"""The beginning of an absolute path in a text."""


@dataclass(frozen=True)
class Collected:
    """A run without its networks: settings, summary and every evaluation, with no path of the machine it ran on.

    path: where it was read from, for errors. files: the content of FILES, as it is packed.
    """

    path: Path
    files: Mapping[str, bytes]
    summary: Mapping[str, Any]
    rows: Sequence[Row]

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Take a finished run from its folder.

        Folders are left out of its settings, and its command becomes that of a single run with the same settings.
        Raises ConfigurationError for a run that is not finished, CheckpointError for a damaged one, StorageError
        where a path of this machine is left.
        """
        config = load(folder)
        summary = _object(folder / SUMMARY, _content(folder, SUMMARY))
        if summary.get("outcome") != Outcome.FINISHED:
            raise ConfigurationError(f"{folder} is not finished, and only finished runs are collected.")
        name = archive_name(config).removesuffix(SUFFIX)
        clean = replace(config, run_dir=name, resume=None, env=replace(config.env, replay_dir=""))
        cleaned = {**summary, "command": command_of(config)}
        for text in _texts([cleaned, asdict(clean)]):
            if _PLACE.search(text):
                raise StorageError(f"{folder} is not collected: {text[:200]!r} names a place on this machine.")
        files = {
            CONFIG: to_yaml(clean).encode(),
            SUMMARY: (json.dumps(cleaned, indent=2, allow_nan=False) + "\n").encode(),
            METRICS: _content(folder, METRICS),
        }
        return cls(folder, files, cleaned, _rows(folder, files))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a packed run. Raises CheckpointError when it is damaged, or not packed by `fedqmix collect`."""
        files = unpack(path, FILES)
        try:
            require_plain(files[CONFIG].decode())
        except (UnicodeDecodeError, ConfigurationError) as error:
            raise CheckpointError(f"{path / CONFIG} is damaged: {error}") from error
        summary = _object(path / SUMMARY, files[SUMMARY])
        for name in ("versions", "machine"):
            if not isinstance(summary.get(name), dict):
                raise CheckpointError(f"{path / SUMMARY} is damaged: it has no {name}.")
        return cls(path, files, summary, _rows(path, files))

    @cached_property
    def config(self) -> Config:
        """Its settings. Raises CheckpointError where this version of fedqmix cannot read them."""
        try:
            return loads(self.files[CONFIG].decode(), earlier=True)
        except (ConfigurationError, OmegaConfBaseException, YAMLError) as error:
            raise CheckpointError(f"{self.path / CONFIG} cannot be read: {error}") from error

    @property
    def name(self) -> str:
        """Its file name."""
        return archive_name(self.config)

    @property
    def env_steps(self) -> int:
        """The environment steps at its last evaluation."""
        return int(self.rows[-1]["env_step"]) if self.rows else 0


def _content(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{folder} is not finished ({name}: {error.strerror}), and only finished runs are collected."
        ) from error


def _object(file: Path, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged: {error}.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{file} is damaged: a JSON object is needed.")
    for text in _texts(found):
        if has_control_characters(text):
            raise CheckpointError(f"{file} is damaged: it holds control characters ({text[:80]!r}).")
    return found


def _rows(place: Path, files: Mapping[str, bytes]) -> list[Row]:
    """Return the evaluations, each checked to be a row of metrics, none before its predecessor."""
    rows = parse_rows(place / METRICS, files[METRICS])
    last = 0
    for number, row in enumerate(rows, start=1):
        if not _is_row(row) or row["env_step"] < last:
            raise CheckpointError(f"{place / METRICS}, line {number}, is damaged: it is not a row of metrics.")
        last = int(row["env_step"])
    return rows


def _is_row(row: Row) -> bool:
    """Tell whether all of a row are numbers that a computer counts with, those of MEASURED among them and possible."""
    for name, value in row.items():
        if type(value) not in (int, float) or not abs(value) <= LARGEST or has_control_characters(name):
            return False
    if any(name not in row for name in MEASURED):
        return False
    return type(row["env_step"]) is int and row["elapsed_s"] >= 0 and 0 <= row[WON] <= 1


def _texts(tree: Any) -> Iterable[str]:
    """Return every text in a tree of mappings and lists, names too."""
    if isinstance(tree, str):
        yield tree
    if isinstance(tree, Mapping):
        yield from (str(name) for name in tree)
    for one in tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ():
        yield from _texts(one)
