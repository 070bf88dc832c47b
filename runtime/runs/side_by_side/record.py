"""The record in the common folder of a comparison: paper.json or ladder.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.runs.side_by_side.folder import recorded_words
from fedqmix.runtime.storage.untrusted import read_object

PAPER = "paper.json"


class Names(NamedTuple):
    """The names of a run in a comparison whose methods are settings."""

    task: str
    method: str


class Record(NamedTuple):
    """The record of a comparison.

    overrides: shared by all runs. runs: their folders, relative to the common one. env_steps: stop.env_steps by task,
    of tasks with their own. names: of the runs by folder, where the plan names its tasks and methods.
    """

    overrides: list[str]
    runs: list[str]
    env_steps: dict[str, int]
    names: dict[str, Names]

    def written(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        found = {"overrides": self.overrides, "runs": self.runs, "env_steps": self.env_steps}
        return {**found, "names": {place: list(one) for place, one in self.names.items()}} if self.names else found


def read_record(file: Path) -> Record | None:
    """Read a common folder's record; None when there is none. Raises CheckpointError when it is damaged."""
    if not file.is_file():
        return None
    try:
        found = read_object(file)
        overrides, runs, env_steps = recorded_words(found), found["runs"], found.get("env_steps", {})
        names = {str(place): Names(*one) for place, one in found.get("names", {}).items()}
        texts = [*overrides, *runs, *env_steps.keys(), *(text for one in names.values() for text in one)]
        whole = all(type(one) is str for one in texts) and all(type(one) is int for one in env_steps.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged: {error!r}.") from error
    if not whole:
        raise CheckpointError(f"{file} is damaged: overrides, runs, env_steps and names have the wrong types.")
    return Record(overrides, runs, env_steps, names)


def names_of(run: Path) -> Names | None:
    """Return a run folder's names in the comparison that it lies in; None outside one, and where it names no methods.

    Raises CheckpointError when the comparison's record is damaged.
    """
    folder = run.resolve()
    record = read_record(folder.parents[1] / PAPER) if len(folder.parents) > 1 else None
    return None if record is None else record.names.get(f"{folder.parent.name}/{folder.name}")
