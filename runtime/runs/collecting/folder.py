"""A folder of collected runs, such as docs/results/data: adding runs and finding them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fedqmix.conf.schema import Config
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.runs.collecting.collected import Collected
from fedqmix.runtime.runs.collecting.recipe import archive_name, unlike
from fedqmix.runtime.runs.lifecycle.finished import finished
from fedqmix.runtime.runs.lifecycle.lock import lock_folder
from fedqmix.runtime.storage.archive import SUFFIX, pack
from fedqmix.runtime.storage.files import TEMPORARY, delete_folder, sync_folder, write_whole
from fedqmix.runtime.storage.reading import CHECKPOINTS, EPISODES, rounds
from fedqmix.server.records import Row


def archives_in(path: Path, depths: Sequence[str] = ("*", "*/*", "*/*/*")) -> list[Path]:
    """Return a folder's collected runs, up to three folders deep, without temporary files."""
    found = (file for depth in depths for file in path.glob(depth + SUFFIX) if file.is_file())
    return sorted(file for file in found if not file.name.startswith(TEMPORARY))


def require_folder(name: str, path: Path) -> None:
    """Check that a path is not a file. name: its option, for the error.

    Raises ConfigurationError.
    """
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{name}={path} is a file: a folder is needed.")


def collect(folder: Path, data: Path) -> tuple[Path, bool]:
    """Pack a finished run into a folder; return its file, and whether it was written.

    data: the folder of collected runs.
    Nothing is written when the folder already holds the same run, or a longer version of it. A longer version replaces
    a shorter one. Raises ConfigurationError for a run that is not finished and for a file that holds another run,
    StorageError when the file cannot be written.
    """
    run = Collected.of_folder(folder)
    path = data / run.name
    if path.exists():
        kept = Collected.read(path)
        if kept.files == run.files or _goes_on(run, kept):
            return path, False
        if not _goes_on(kept, run):
            raise ConfigurationError(
                f"{path} holds another run than {folder} ({_difference(kept, run)}): delete it, if it is to be "
                "replaced, or collect into another folder."
            )
    try:
        data.mkdir(parents=True, exist_ok=True)
        write_whole(path, pack(run.files))
        sync_folder(data)  # the caller may delete the run's checkpoints now
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}. Mend that, or choose another folder.") from error
    return path, True


def forget_rounds(folder: Path) -> None:
    """Delete a run's checkpoints and episodes; the networks of its best evaluation stay.

    Raises StorageError when another process writes the folder, or when a checkpoint cannot be deleted.
    """
    lock = lock_folder(folder)
    try:
        checkpoints = folder / CHECKPOINTS
        for doomed in [*rounds(checkpoints).values(), checkpoints / EPISODES]:
            if doomed.is_dir():
                delete_folder(doomed)
    except OSError as error:
        raise StorageError(f"cannot delete the checkpoints of {folder}: {error.strerror}.") from error
    finally:
        os.close(lock)


def collected_as(config: Config, data: Path) -> Collected | None:
    """Return the collected run with these settings and seed; None unless it reached their end.

    Raises ConfigurationError when the file of this name was trained with other settings: its experiment has changed
    since. Raises CheckpointError for a damaged file.
    """
    path = data / archive_name(config)
    if not path.exists():
        return None
    found = Collected.read(path)
    if (name := unlike(found.config, config)) is not None:
        raise ConfigurationError(
            f"{path} was trained with another {name} than {config.experiment} sets now: delete it, or collect into "
            "another folder."
        )
    return found if finished(found.summary, found.config.stop, config.stop) else None


def _goes_on(shorter: Collected, longer: Collected) -> bool:
    """Return whether the longer run is the shorter one, possibly continued.

    A run is evaluated at its end, so a continued run may lack the shorter one's last evaluation.
    """
    if unlike(shorter.config, longer.config) is not None or shorter.env_steps > longer.env_steps:
        return False
    if shorter.summary.get("game") != longer.summary.get("game") or len(shorter.rows) > len(longer.rows):
        return False
    if shorter.env_steps == longer.env_steps:
        return _timeless(shorter.rows) == _timeless(longer.rows)
    begin = _timeless(shorter.rows[:-1])
    return begin == _timeless(longer.rows[: len(begin)])


def _timeless(rows: Sequence[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "elapsed_s"} for row in rows]


def _difference(kept: Collected, run: Collected) -> str:
    name = unlike(kept.config, run.config)
    return f"{name} is another" if name is not None else "its evaluations are others"
