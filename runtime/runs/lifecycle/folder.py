"""The run folder: configuration, metrics, checkpoints and replays of a run, under a lock.

config.yaml    the resolved configuration        summary.json    how it ended
run.json       the run's id and its commands     marl_eval.json  the same for marl-eval
metrics.jsonl  one object per evaluation         checkpoints/, replays/
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.runs import CONFIG, LOGS, PARTIES, RUN, require_run
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, StorageError
from fedqmix.runtime.runs.lifecycle.lock import LOCK, LockedFolder, lock_folder, make_and_lock, require_free
from fedqmix.runtime.runs.lifecycle.own_files import require_own_files
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.files import TEMPORARY, write_whole
from fedqmix.runtime.storage.untrusted import ADVICE, read_object


class RunFolder(LockedFolder):
    """One run's folder, locked for this process until `close`.

    path: as passed by the caller. run_id: 16 hexadecimal digits, kept when the run is resumed.
    """

    def __init__(self, path: Path, run_id: str, lock: int, commands: Sequence[str] = ()) -> None:
        """Callers use `create` or `open`. lock: the locked file's descriptor. commands: for `go_on`."""
        super().__init__(path, lock)
        self.run_id = run_id
        self._commands = list(commands)

    @classmethod
    def create(cls, path: str | Path, config: Config, command: Sequence[str]) -> Self:
        """Begin a new run in a folder that does not exist or is empty.

        command: the words that started the program. Raises ConfigurationError when the folder holds other files,
        StorageError when it cannot be written or another process has locked it.
        """
        path = Path(path)
        require_new(path)
        lock = make_and_lock(path)
        try:
            require_new(path)
            folder = cls(path, secrets.token_hex(8), lock)
            folder.save_config(config)
            _write(path / RUN, {"run_id": folder.run_id, "commands": [shlex.join(command)]})
            folder.checkpoints.mkdir()
            folder.replays.mkdir()
        except BaseException:
            os.close(lock)
            raise
        return folder

    @classmethod
    def open(cls, path: str | Path, command: Sequence[str] = ()) -> Self:
        """Open the folder of a run to resume; only its lock is written.

        command: `go_on` adds it to run.json, after all checks have passed.
        Raises CheckpointError when the folder is not a complete run folder or holds links to elsewhere, StorageError
        when another process writes it.
        """
        path = Path(path)
        require_run(path)
        require_own_files(path)
        require_writable(path, "resume")
        lock = lock_folder(path)
        try:
            record = _read_record(path)
        except BaseException:
            os.close(lock)
            raise
        added = [shlex.join(command)] if command else []
        return cls(path, record["run_id"], lock, [*record["commands"], *added])

    @classmethod
    def of(cls, config: Config, command: Sequence[str]) -> Self:
        """Begin the configured run, or open the run of config.resume; raises as both do."""
        if config.resume is None:
            return cls.create(config.run_dir, config, command)
        return cls.open(config.run_dir, command)

    @property
    def untouched(self) -> bool:
        """True when the run ended before its first checkpoint, so that resuming it begins it."""
        written = self.metrics.exists() and self.metrics.stat().st_size > 0
        return not written and not reading.rounds(self.checkpoints) and reading.best(self.checkpoints) is None

    @property
    def config(self) -> Path:
        """config.yaml."""
        return self.path / CONFIG

    @property
    def logs(self) -> Path:
        """The folder logs/ of a deployment."""
        return self.path / LOGS

    @property
    def metrics(self) -> Path:
        """metrics.jsonl."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """summary.json."""
        return self.path / "summary.json"

    @property
    def marl_eval(self) -> Path:
        """marl_eval.json."""
        return self.path / "marl_eval.json"

    @property
    def checkpoints(self) -> Path:
        """The folder checkpoints/."""
        return self.path / "checkpoints"

    @property
    def replays(self) -> Path:
        """The folder replays/."""
        return self.path / "replays"

    def save_config(self, config: Config) -> None:
        """Write config.yaml, replacing an earlier one. Raises StorageError."""
        _write_bytes(self.config, to_yaml(config).encode())

    def go_on(self, config: Config) -> None:
        """Record the settings and the command of a resumed run. Raises StorageError.

        The summary of an earlier end is deleted first: a run that is killed from here on has not reached the end that
        the new settings ask for.
        """
        try:
            self.summary.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot delete {self.summary}: {error.strerror}.") from error
        self.save_config(config)
        _write(self.path / RUN, {"run_id": self.run_id, "commands": self._commands})


def require_new(path: Path) -> None:
    """Check that a run can be begun in a folder: it is new or empty.

    It may hold logs and states of a deployment, and files of an interrupted `create`. Raises ConfigurationError.
    """
    require_writable(path)
    if (path / RUN).exists():
        raise ConfigurationError(
            f"run_dir={path} holds a run already: choose another, or go on with resume={quoted(str(path))}."
        )
    require_free(path, (LOGS, PARTIES, *_leftovers(path)))


def _leftovers(path: Path) -> list[str]:
    """Return the files that an interrupted `create` left; only `create` makes the lock."""
    if not (path / LOCK).is_file():
        return []
    return [CONFIG, *(entry.name for entry in path.glob(f"{TEMPORARY}*"))]


def _read_record(path: Path) -> dict[str, Any]:
    record = read_object(path / RUN)
    run_id, commands = record.get("run_id"), record.get("commands")
    if not isinstance(run_id, str) or not isinstance(commands, list) or not all(isinstance(x, str) for x in commands):
        raise CheckpointError(f"{path / RUN} is damaged: it must hold a text run_id and a list of commands. {ADVICE}")
    return {"run_id": run_id, "commands": commands}


def _write(path: Path, document: dict[str, Any]) -> None:
    _write_bytes(path, (json.dumps(document, indent=2) + "\n").encode())


def _write_bytes(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; free some space and try again.") from error
