"""The figures of `fedqmix bench matrix` as text: tables of joint actions beside each other.

python -m fedqmix.analysis.benchmarks.matrix_table FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


def shown(algorithm: str, found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Return an algorithm's figures: how many seeds found the best, and the tables of the first seed."""
    run = found["runs"][0]
    greedy = ", then ".join(str(tuple(joint)) for joint in run["greedy"])
    yield Text(
        f"{algorithm}: {found['found']} of {found['of']} seeds take the best ({run['best']:g}). "
        f"Seed {run['seed']} takes {greedy}: {run['return']:g}.",
        style="bold",
    )
    for situation in run["situations"]:
        tables = {"payoffs": situation["payoffs"], **situation["values"]}
        yield Columns(
            [_table(f"{situation['name']}: {name}", table, situation["own"]) for name, table in tables.items()]
        )
    yield Text()


def _table(title: str, values: Any, own: list[list[float]]) -> Table:
    """Return a table of values by joint action. own: the agents' own values, beside the names of their actions."""
    array = np.array(values)
    table = Table(title=title, title_justify="left")
    if array.ndim != 2:
        table.add_column("joint action")
        table.add_column("value", justify="right")
        for joint in product(*map(range, array.shape)):
            table.add_row(str(joint), f"{array[joint]:.2f}")
        return table
    table.add_column("", style="dim")
    for action, value in enumerate(own[1]):
        table.add_column(f"{action} ({value:.2f})", justify="right", header_style="dim")
    for action, row in enumerate(array):
        table.add_row(f"{action} ({own[0][action]:.2f})", *(f"{value:.2f}" for value in row))
    return table


def main(argv: list[str]) -> int:
    """Print the tables of a file that the benchmark wrote; return the exit status."""
    figures = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    console = Console()
    for algorithm, found in figures["results"].items():
        for part in shown(algorithm, found):
            console.print(part)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
