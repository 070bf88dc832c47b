"""A collected run: the files that are packed from a run folder, and their reading."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from omegaconf.errors import OmegaConfBaseException

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.plain import require_plain
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.settings import load, loads
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, StorageError
from fedqmix.runtime.runs.collecting.recipe import archive_name, command_of
from fedqmix.runtime.runs.lifecycle.summaries import parse_summary, require_evaluations
from fedqmix.runtime.storage.archive import LARGEST, SUFFIX, unpack
from fedqmix.runtime.storage.untrusted import is_there, read_file, texts
from fedqmix.server.records import Outcome, Row, parse_rows

CONFIG, SUMMARY, METRICS = "config.yaml", "summary.json", "metrics.jsonl"
FILES = (CONFIG, SUMMARY, METRICS)
_PLACE = re.compile(r"(^|[\s=:'\"])(/|~/|[A-Za-z]:\\)\w")
"""Matches the beginning of an absolute path in a text."""


@dataclass(frozen=True)
class Collected:
    """A run's settings, summary and evaluations, without networks and paths of its machine.

    path: the file or folder that was read, for errors. files: the content of FILES, as packed.
    """

    path: Path
    files: Mapping[str, bytes]
    summary: Mapping[str, Any]
    rows: Sequence[Row]

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Read a finished run from its folder.

        Folders are left out of its settings. Its command becomes the command of a single run with the same settings.
        Raises ConfigurationError for a run that is not finished, CheckpointError for a damaged run, StorageError when a
        path of this machine is left.
        """
        config = load(folder)
        summary = parse_summary(folder / SUMMARY, _content(folder, SUMMARY))
        if summary.get("outcome") != Outcome.FINISHED:
            raise ConfigurationError(f"{folder} is not finished, and only finished runs are collected.")
        name = archive_name(config).removesuffix(SUFFIX)
        clean = replace(config, run_dir=name, resume=None, env=with_known(config.env, replay_dir=""))
        cleaned = {**summary, "command": command_of(config)}
        for text in texts([cleaned, asdict(clean)]):
            if _PLACE.search(text):
                raise StorageError(f"{folder} is not collected: {text[:200]!r} names a place on this machine.")
        files = {
            CONFIG: to_yaml(clean).encode(),
            SUMMARY: _json(folder / SUMMARY, cleaned),
            METRICS: _content(folder, METRICS),
        }
        rows = _rows(folder, files)
        require_evaluations(folder / METRICS, summary, rows)
        return cls(folder, files, cleaned, rows)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a packed run.

        Raises CheckpointError when it is damaged, or not packed by `fedqmix collect`.
        """
        files = unpack(path, FILES)
        try:
            require_plain(files[CONFIG].decode())
        except (UnicodeDecodeError, ConfigurationError) as error:
            raise CheckpointError(f"{path / CONFIG} is damaged: {error}") from error
        summary = parse_summary(path / SUMMARY, files[SUMMARY])
        for name in ("versions", "machine"):
            if not isinstance(summary.get(name), dict):
                raise CheckpointError(f"{path / SUMMARY} is damaged: it has no {name}.")
        return cls(path, files, summary, _rows(path, files))

    @cached_property
    def config(self) -> Config:
        """The run's settings. Raises CheckpointError when this version of fedqmix cannot read them."""
        try:
            return loads(self.files[CONFIG].decode(), earlier=True)
        except (ConfigurationError, OmegaConfBaseException) as error:
            raise CheckpointError(f"{self.path / CONFIG} cannot be read: {error}") from error

    @property
    def name(self) -> str:
        """The file name of the packed run."""
        return archive_name(self.config)

    @property
    def env_steps(self) -> int:
        """Environment steps at the last evaluation; 0 before the first."""
        return int(self.rows[-1]["env_step"]) if self.rows else 0


def _content(folder: Path, name: str) -> bytes:
    if not is_there(folder / name):
        raise ConfigurationError(f"{folder} is not finished (it has no {name}), and only finished runs are collected.")
    return read_file(folder / name, LARGEST)


def _json(file: Path, document: Mapping[str, Any]) -> bytes:
    try:
        return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()
    except ValueError as error:
        raise CheckpointError(f"{file} is damaged: it holds a number that is not finite.") from error


def _rows(place: Path, files: Mapping[str, bytes]) -> list[Row]:
    return parse_rows(place / METRICS, files[METRICS])
