"""A collected run: what is packed of a run folder, and how it is read again."""

from __future__ import annotations

import json
import math
import re
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
from runtimes.configuration.received import require_plain
from runtimes.configuration.settings import load, loads
from server.records import Outcome, Row, parse_rows
from storage.archive import SUFFIX, unpack

CONFIG, SUMMARY, METRICS = "config.yaml", "summary.json", "metrics.jsonl"
FILES = (CONFIG, SUMMARY, METRICS)
MEASURED = ("env_step", "elapsed_s", "test_battle_won_mean")
"""What every row has."""
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
    return found


def _rows(place: Path, files: Mapping[str, bytes]) -> list[Row]:
    """Return the evaluations, each checked to hold finite numbers and those of MEASURED."""
    rows = parse_rows(place / METRICS, files[METRICS])
    for number, row in enumerate(rows, start=1):
        numbers = all(type(value) in (int, float) and math.isfinite(value) for value in row.values())
        if not numbers or any(name not in row for name in MEASURED):
            raise CheckpointError(f"{place / METRICS}, line {number}, is damaged: it is no row of metrics.")
    return rows


def _texts(tree: Any) -> Iterable[str]:
    """Return every text in a tree of mappings and lists."""
    if isinstance(tree, str):
        yield tree
    for one in tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ():
        yield from _texts(one)
