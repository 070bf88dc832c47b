"""The outcome of a comparison, as a table with a line for each map, algorithm and strategy."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from rich.table import Table

from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.lifecycle.progress import duration
from fedqmix.runtime.runs.side_by_side.run import Run, State


def outcome(runs: Mapping[Cell, Run]) -> Table:
    """Return a table of the finished runs' last evaluations: mean, least and greatest win rate."""
    shown = Table("map", "algorithm", "strategy", "seeds done", "won", "least", "greatest", "env steps", "seconds")
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
    won = [row["test_battle_won_mean"] for row in last]
    rates = [f"{value:.0%}" for value in (fmean(won), min(won), max(won))]
    return [count, *rates, f"{fmean(row['env_step'] for row in last):,.0f}", _seconds(last)]


def _seconds(last: list[dict[str, float | int]]) -> str:
    return duration(fmean(row["elapsed_s"] for row in last))
