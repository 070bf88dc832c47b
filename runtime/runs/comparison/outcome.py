"""The outcome of a comparison, as a table with a line for each map, algorithm and strategy."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from rich.table import Table

from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.lifecycle.progress import duration
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.server.records import metric_of


def outcome(runs: Mapping[Cell, Run]) -> Table:
    """Return a table of the finished runs' last evaluations: mean, least and greatest score."""
    scores = {metric_of(run.rows).short for run in runs.values() if run.rows}
    mean = scores.pop() if len(scores) == 1 else "score"
    shown = Table("map", "algorithm", "strategy", "seeds done", mean, "least", "greatest", "env steps", "seconds")
    for column in shown.columns[3:]:
        column.justify = "right"
    last_map = None
    for map_, algorithm, strategy in dict.fromkeys((cell.map, cell.algorithm, cell.strategy) for cell in runs):
        if last_map not in (None, map_):
            shown.add_section()
        last_map = map_
        group = [
            run
            for cell, run in runs.items()
            if (cell.map, cell.algorithm, cell.strategy) == (map_, algorithm, strategy)
        ]
        shown.add_row(map_, algorithm, strategy, *_cells(group))
    return shown


def _cells(group: list[Run]) -> list[str]:
    last = [run.rows[-1] for run in group if run.state is State.DONE and run.rows]
    count = f"{sum(run.state is State.DONE for run in group)} of {len(group)}"
    if not last:
        return [count, *["-"] * 5]
    metric = metric_of(last)
    scores = [row[metric.mean] for row in last]
    shown = [metric.text(value) for value in (fmean(scores), min(scores), max(scores))]
    return [count, *shown, f"{fmean(row['env_step'] for row in last):,.0f}", _seconds(last)]


def _seconds(last: list[dict[str, float | int]]) -> str:
    return duration(fmean(row["elapsed_s"] for row in last))
