"""Which run a path means: what resume=, run_dir= and the commands that look at a run are given."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import CheckpointError

CONFIG, RUN = "config.yaml", "run.json"
"""The files by which a run folder is known (runtimes.run.folder says what else is in it)."""


def run_of(path: Path) -> Path:
    """Return the run folder meant by resume=: the path itself, or the run a checkpoint (RUN/checkpoints/...) is of."""
    if path.parent.name == "checkpoints" and (path.parent.parent / RUN).is_file():
        return path.parent.parent
    return path


def in_runs(run_dir: str, runs: Path) -> Path:
    """Return where a SuperLink's run folder lies: an absolute name as it is, another in `runs`, "runs/" left out."""
    relative = Path(run_dir)
    if relative.parts[:1] == ("runs",):
        relative = relative.relative_to("runs")
    return runs / relative  # an absolute one stays as it is


def require_run(path: Path) -> None:
    """Check that a path is a run folder. Raises CheckpointError that says what it is instead."""
    if (path / CONFIG).is_file() and (path / RUN).is_file():
        return
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
    raise CheckpointError(f"{path} is no run folder: it has no {' and no '.join(missing)}.")
