"""The runs of a ladder, each once: runs in its folder, and collected runs."""

from __future__ import annotations

from pathlib import Path

from fedqmix.analysis.reports.agreement import require_each_once
from fedqmix.analysis.reports.ladder import by_recipe
from fedqmix.analysis.reports.runs import Run
from fedqmix.runtime.configuration.runs import runs_in
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.runs.collecting.folder import archives_in
from fedqmix.runtime.runs.collecting.recipe import archive_name
from fedqmix.runtime.runs.reporting.reading import read_collected, read_run


def read_ladder_runs(folder: Path, data: Path | None) -> list[Run]:
    """Read every run of a folder and every collected run, if it has an evaluation.

    Of a run in both places, the one with more environment steps counts. Raises CheckpointError for a damaged run,
    ConfigurationError when a recipe has the same seed twice.
    """
    found: dict[str, Run] = {}
    for file in archives_in(data, depths=("*",)) if data is not None else []:
        found[file.name] = read_collected(file)
    for place in runs_in(folder):
        run, name = read_run(place), archive_name(load(place))
        if name not in found or _env_steps(run) > _env_steps(found[name]):
            found[name] = run
    runs = [run for run in found.values() if run.rows]
    require_each_once(by_recipe(runs))
    return runs


def _env_steps(run: Run) -> int:
    return int(run.rows[-1]["env_step"]) if run.rows else 0
