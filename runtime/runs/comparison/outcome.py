"""The outcome of a comparison, as a table with a line for each task and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rich.table import Table

from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.lifecycle.progress import duration
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.server.records import metric_of


def outcome(runs: Mapping[Cell, Run], heads: Sequence[str]) -> Table:
    """Return a table of the finished runs' last evaluations: mean, least and greatest score.

    heads: of the columns of a run's names.
    """
    scores = {metric_of(run.rows).short for run in runs.values() if run.rows}
    mean = scores.pop() if len(scores) == 1 else "score"
    shown = Table(*heads, "seeds done", mean, "least", "greatest", "env steps", "seconds")
    for column in shown.columns[len(heads) :]:
        column.justify = "right"
    last_task = None
    for names in dict.fromkeys(cell.names for cell in runs):
        if last_task not in (None, names[0]):
            shown.add_section()
        last_task = names[0]
        shown.add_row(*names, *_cells([run for cell, run in runs.items() if cell.names == names]))
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
