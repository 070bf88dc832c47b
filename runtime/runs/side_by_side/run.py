"""One run as its parent process sees it: the state in its folder, and its command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.choices import values_of
from fedqmix.runtime.configuration.overrides import as_written, quoted
from fedqmix.runtime.configuration.runs import CONFIG, RUN
from fedqmix.runtime.configuration.settings import RESUMABLE, load
from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.runs.lifecycle.finished import finished
from fedqmix.runtime.runs.lifecycle.lock import LOCK, lock_folder
from fedqmix.runtime.runs.lifecycle.summaries import read_summary
from fedqmix.runtime.storage.files import TEMPORARY, delete_folder
from fedqmix.runtime.storage.reading import CHECKPOINTS, rounds
from fedqmix.server.records import Row, metric_of, read_rows


class State(StrEnum):
    """The state of a run, in the words of the display."""

    WAITING = "waiting"
    RUNNING = "running"
    RESUMED = "running, resumed"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Run:
    """The name, folder and newest known state of a run.

    name: unique; names the run in messages and its process. state: set by the caller that starts the process. rows: the
    evaluations at the last `look`.
    """

    def __init__(self, name: str, folder: Path, log: Path, overrides: Sequence[str], config: Config) -> None:
        """Read the state in the run folder.

        log: file for the process's output. overrides: those of a new run, without its folder. config: the configuration
        composed from them; only the settings that a resumed run may change are read.
        """
        self.name = name
        self.folder = folder
        self.log = log
        self.rows: list[Row] = []
        self._overrides = list(overrides)
        self._config = config
        self.state = State.DONE if _finished(folder, config) else State.WAITING
        self.look()

    @property
    def env_steps(self) -> int:
        """Environment steps at the run's end (stop.env_steps)."""
        return self._config.stop.env_steps

    @property
    def steps(self) -> int:
        """Environment steps at the last evaluation; 0 before the first."""
        return int(self.rows[-1]["env_step"]) if self.rows else 0

    @property
    def score(self) -> str:
        """The score of the last evaluation, such as "won 71%" or "return -901.25"; "" before the first."""
        if not self.rows:
            return ""
        metric = metric_of(self.rows)
        return f"{metric.short} {metric.text(self.rows[-1][metric.mean])}"

    def look(self) -> None:
        """Read the evaluations again; the run itself reports a damaged file."""
        try:
            self.rows = read_rows(self.folder / "metrics.jsonl")
        except CheckpointError:
            self.rows = []

    def make_way(self) -> State:
        """Prepare the folder for training; return the new state, RUNNING or RESUMED.

        A run that ended before its first checkpoint cannot be resumed: its folder is deleted and it begins again.
        Raises StorageError when another process writes the folder.
        """
        if rounds(self.folder / CHECKPOINTS):
            return State.RESUMED
        if _begun(self.folder):
            os.close(lock_folder(self.folder))
            delete_folder(self.folder)
        return State.RUNNING

    def words(self, state: State) -> list[str]:
        """Return the words after `fedqmix train`. state: the result of `make_way`."""
        folder = quoted(str(self.folder))
        if state is State.RESUMED:
            return [f"resume={folder}", *_changes(load(self.folder), self._config)]
        return [*self._overrides, f"run_dir={folder}"]


def _finished(folder: Path, config: Config) -> bool:
    """Return whether a run has reached the end that `config` asks for."""
    try:
        summary = read_summary(folder)
    except CheckpointError:  # the run itself reports it
        return False
    return bool(summary) and finished(summary, load(folder).stop, config.stop)


def _changes(own: Config, wanted: Config) -> list[str]:
    """Return the overrides beside resume= that change a run's own settings to the wanted ones."""
    were = values_of(own)
    changed = {name: value for name, value in values_of(wanted).items() if value != were.get(name)}
    return [
        f"{name.removesuffix('.name')}={as_written(value)}"
        for name, value in changed.items()
        if name.startswith(RESUMABLE)
    ]


def _begun(folder: Path) -> bool:
    """Return whether a folder without checkpoints holds only files of a run that ended early."""
    if not folder.is_dir():
        return False
    whole = (folder / RUN).is_file()
    return whole or all(entry.name in (LOCK, CONFIG) or entry.name.startswith(TEMPORARY) for entry in folder.iterdir())
