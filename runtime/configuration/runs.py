"""The run folders that paths name: in resume=, run_dir=, and commands that read runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.storage.untrusted import is_there, size_of

CONFIG, RUN = "config.yaml", "run.json"
"""The files that identify a run folder; runtime.runs.lifecycle.folder lists all contents."""

LOGS, PARTIES = "logs", "state"
"""A deployment's folders, made before the run: processes' logs and parties' private states."""

LONGEST_NAME, LONGEST_PATH = 200, 1000
"""Most bytes of a folder's name and of a whole path in a submission.

File systems take 255 and 4,096.
"""


def run_of(path: Path) -> Path:
    """Return the run folder of a resume= path: the path itself, or RUN for RUN/checkpoints/..."""
    if path.parent.name == "checkpoints" and (path.parent.parent / RUN).is_file():
        return path.parent.parent
    return path


def runs_in(path: Path) -> list[Path]:
    """Return the run folders that a path is or holds, up to three folders deep.

    path: a run, a folder of several seeds, or a folder of runs (runs/). Empty when there is none.
    """
    if (path / RUN).is_file():
        return [path]
    return sorted({file.parent for depth in ("*", "*/*", "*/*/*") for file in path.glob(f"{depth}/{RUN}")})


def in_runs(name: str, runs: Path, setting: str = "run_dir") -> Path:
    """Return the folder under `runs` that a submission's run_dir=, resume= or init_from= names.

    name: a leading "runs/" is left out. runs: the SuperLink's folder of runs. setting: the setting, for the
    error. Raises ConfigurationError for an absolute path, for "..", for a symbolic link that leads out of `runs`, and
    for a folder within another run.
    """
    parts = Path(name).parts
    if parts[:1] == ("runs",):
        parts = parts[1:]
    plain = parts and not Path(name).is_absolute() and name.isprintable() and not _too_long(parts)
    if not plain or ".." in parts:
        raise ConfigurationError(_only_names(setting, name))
    folder = runs.joinpath(*parts)
    try:
        inside = folder.resolve().is_relative_to(runs.resolve())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise ConfigurationError(f"{setting}={name} cannot be a folder: {error}.") from error
    if not inside:
        raise ConfigurationError(_only_names(setting, name) + " A symbolic link leads out of it.")
    within = [parent for parent in folder.parents if parent != runs and parent.is_relative_to(runs)]
    around = [parent for parent in within if (parent / RUN).is_file()]
    if around and not (setting in ("resume", "init_from") and run_of(folder) in around):
        raise ConfigurationError(f"{setting}={name} lies inside the run folder {around[0].name}: name another.")
    return folder


def own_folder(name: str, runs: Path) -> Path:
    """Return the folder of the user's own run: an absolute path, or a name in `runs`.

    A leading "runs/" of a name is left out.
    """
    relative = Path(name)
    if relative.parts[:1] == ("runs",):
        relative = relative.relative_to("runs")
    return runs / relative  # an absolute path stays as it is


def _too_long(parts: Sequence[str]) -> bool:
    lengths = [len(os.fsencode(part)) for part in parts]
    return max(lengths) > LONGEST_NAME or sum(lengths) > LONGEST_PATH


def _only_names(setting: str, name: str) -> str:
    return (
        f"{setting}={name}: a submitted run lies in the SuperLink's folder of runs, so only a name under it is "
        f"allowed, such as {setting}=mine or {setting}=runs/mine, without '..'. The operator chooses "
        "that folder: `fedqmix superlink runs=DIR`."
    )


def require_run(path: Path) -> None:
    """Check that a path is a run folder. Raises CheckpointError with what it is instead."""
    if (path / CONFIG).is_file() and (path / RUN).is_file():
        return
    for name in (CONFIG, RUN):
        if path.is_dir() and is_there(path / name):
            size_of(path / name)  # raises for an entry that is not a regular file
    around = next((parent for parent in path.absolute().parents if (parent / RUN).is_file()), None)
    if around is not None and path.exists():
        raise CheckpointError(
            f"{path} lies inside the run folder {around}: give that folder, and the run goes on from its newest "
            "checkpoint, or one of its checkpoints/round-... folders."
        )
    if not path.exists():
        raise CheckpointError(f"there is no folder {path}: a run folder is needed, such as those under runs/.")
    if not path.is_dir():
        raise CheckpointError(f"{path} is a file: a run folder is needed, such as those under runs/.")
    missing = [name for name in (CONFIG, RUN) if not (path / name).is_file()]
    if RUN in missing and (path / LOGS).is_dir() and (path / PARTIES).is_dir():
        raise CheckpointError(
            f"{path} holds logs and no run: the run that was started there ended before it began. Start it again "
            f"with the same words and run_dir={quoted(str(path))}"
        )
    raise CheckpointError(f"{path} is not a run folder: it has no {' and no '.join(missing)}.")
