"""One run as it is seen from outside: what its folder says, and what its process is started with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from operator import attrgetter
from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.names import settings
from fedqmix.runtime.configuration.overrides import as_written, quoted
from fedqmix.runtime.configuration.runs import CONFIG, RUN
from fedqmix.runtime.configuration.settings import RESUMABLE, load
from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.runs.lifecycle.finished import finished
from fedqmix.runtime.runs.lifecycle.lock import LOCK, lock_folder
from fedqmix.runtime.runs.lifecycle.summaries import read_summary
from fedqmix.runtime.storage.files import TEMPORARY, delete_folder
from fedqmix.runtime.storage.reading import CHECKPOINTS, rounds
from fedqmix.server.records import Row, read_rows


class State(StrEnum):
    """What has become of a run, in the words that are shown."""

    WAITING = "waiting"
    RUNNING = "running"
    RESUMED = "running, resumed"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Run:
    """A run's name, its folder, and the newest that is known of it.

    name: what it is called in sentences and among the processes; one of its own. state: set by whoever starts its
    process. rows: its evaluations so far, as of the last `look`.
    """

    def __init__(self, name: str, folder: Path, log: Path, overrides: Sequence[str], config: Config) -> None:
        """Look what there is of it.

        log: where what it says is written. overrides: what it is begun with, its folder left out. config: what
        comes of them; only its stop.* and what else a resumed run may change are looked at.
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
        """The environment steps it is to have in the end."""
        return self._config.stop.env_steps

    @property
    def steps(self) -> int:
        """The environment steps at its last evaluation; 0 before the first."""
        return int(self.rows[-1]["env_step"]) if self.rows else 0

    @property
    def won(self) -> str:
        """The win rate of its last evaluation, as a percentage; "" before the first."""
        return f"{self.rows[-1]['test_battle_won_mean']:.0%}" if self.rows else ""

    def look(self) -> None:
        """Read its evaluations again; a damaged file is left to the run itself, which refuses it by name."""
        try:
            self.rows = read_rows(self.folder / "metrics.jsonl")
        except CheckpointError:
            self.rows = []

    def make_way(self) -> State:
        """Prepare its folder for its training; return what the state is with it: running anew, or resumed.

        A run that was ended before its first checkpoint has nothing to go on from, and is begun anew.
        Raises StorageError when another process writes the folder.
        """
        if rounds(self.folder / CHECKPOINTS):
            return State.RESUMED
        if _begun(self.folder):
            os.close(lock_folder(self.folder))
            delete_folder(self.folder)
        return State.RUNNING

    def words(self, state: State) -> list[str]:
        """Return what `fedqmix train` is to be told. state: what `make_way` has returned."""
        folder = quoted(str(self.folder))
        if state is State.RESUMED:
            return [f"resume={folder}", *_changes(load(self.folder), self._config)]
        return [*self._overrides, f"run_dir={folder}"]


def _finished(folder: Path, config: Config) -> bool:
    """Tell whether a run has come to the end it is to have; one that is to go on for longer has not."""
    try:
        summary = read_summary(folder)
    except CheckpointError:  # left to the run itself, as above
        return False
    return bool(summary) and finished(summary, load(folder).stop, config.stop)


def _changes(own: Config, wanted: Config) -> list[str]:
    """Return what is to be said beside resume=, so that a run goes on as is now wanted."""
    changed = [name for name in settings() if name.startswith(RESUMABLE) and _value(own, name) != _value(wanted, name)]
    return [f"{name.removesuffix('.name')}={_value(wanted, name)}" for name in changed]


def _value(config: Config, name: str) -> str:
    """Return a setting as it is written on the command line."""
    return as_written(attrgetter(name)(config))


def _begun(folder: Path) -> bool:
    """Tell whether a folder without checkpoints is what a run left that was ended while it began, and no more."""
    if not folder.is_dir():
        return False
    whole = (folder / RUN).is_file()
    return whole or all(entry.name in (LOCK, CONFIG) or entry.name.startswith(TEMPORARY) for entry in folder.iterdir())
