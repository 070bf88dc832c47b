"""The progress display: a bar with figures on a terminal, or a line per evaluation in a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from fedqmix.runtime.core.world import Score
from fedqmix.server.records import Row, best_row, is_evaluation, score_of
from fedqmix.server.records.scores import WON, WON_IN_TRAINING

WAITING = "the first episodes are being played (a new machine first compiles kernels: under a minute)"
_LEADING = {
    Score.WIN_RATE: (
        ("won", "test_battle_won_mean", "{:.0%}"),
        ("return", "test_return_mean", "{:.2f}"),
        ("in training won", "battle_won_mean", "{:.0%}"),
        ("return", "return_mean", "{:.2f}"),
    ),
    Score.RETURN: (
        ("return", "test_return_mean", "{:.2f}"),
        ("std", "test_return_std", "{:.2f}"),
        ("in training", "return_mean", "{:.2f}"),
    ),
}
_FIGURES = (
    ("length", "ep_length_mean", "{:.0f}"),
    ("loss", "loss", "{:.4g}"),
    ("epsilon", "epsilon", "{:.2f}"),
)
_LEADING_AT_THE_END = {
    Score.WIN_RATE: (("win rate", "test_battle_won_mean", "{:.1%}"), ("return", "test_return_mean", "{:.2f}")),
    Score.RETURN: (("return", "test_return_mean", "{:.2f}"), ("return, std", "test_return_std", "{:.2f}")),
}
_CLOSING = (
    ("episode length", "test_ep_length_mean", "{:.1f}"),
    ("env steps", "env_step", "{:,.0f}"),
    ("training steps", "train_step", "{:,.0f}"),
    ("round", "round", "{:,.0f}"),
    ("seconds", "elapsed_s", "{:,.0f}"),
)


class Progress:
    """The progress display of one run; use as a context manager.

    Speeds and remaining time are measured from the first row on, so a resumed run starts afresh.
    """

    def __init__(self, total_env_steps: int, console: Console | None = None) -> None:
        """total_env_steps: `stop.env_steps`; console: standard output by default."""
        self._total = total_env_steps
        self._console = console or Console()
        self._first: Row | None = None
        self._row: Row = {}
        self._bar = Bar(
            TextColumn("training"), BarColumn(None), TaskProgressColumn(), MofNCompleteColumn(), TextColumn("env steps")
        )
        self._task = self._bar.add_task("training", total=total_env_steps)
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, row: Row) -> None:
        """Show newer figures; figures that the row lacks stay unchanged.

        row: with at least env_step and elapsed_s. Without a terminal, an evaluation is printed as one line.
        """
        self._first = self._first or row
        self._row = {**self._row, **row}
        self._bar.update(self._task, completed=int(row["env_step"]))
        if self._live is None and is_evaluation(row):
            position = f"env step {row['env_step']:,} of {self._total:,}"
            self._console.print(Text("  ".join([position, *self._figures()])), soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a sentence above the bar, or on a line of its own."""
        self._console.print(Text(text), soft_wrap=True)

    def _render(self) -> Group:
        return Group(self._bar, Text("   ".join(self._figures()) or WAITING))

    def _figures(self) -> list[str]:
        score = Score.WIN_RATE if self._row.keys() & {WON, WON_IN_TRAINING} else Score.RETURN
        figures = (("round", "round", "{:,.0f}"), *_LEADING[score], *_FIGURES)
        known = [f"{label} {form.format(self._row[key])}" for label, key, form in figures if key in self._row]
        return known + self._speeds()

    def _speeds(self) -> list[str]:
        first, row = self._first, self._row
        if first is None or row["elapsed_s"] <= first["elapsed_s"]:
            return []
        seconds = row["elapsed_s"] - first["elapsed_s"]
        env_speed = (row["env_step"] - first["env_step"]) / seconds
        shown = [f"{env_speed:,.0f} env steps/s"]
        if "train_step" in row and "train_step" in first:
            shown.append(f"{(row['train_step'] - first['train_step']) / seconds:,.1f} training steps/s")
        if env_speed > 0:
            shown.append(f"{duration(max(0.0, self._total - row['env_step']) / env_speed)} left")
        return shown


def duration(seconds: float) -> str:
    """Return "2 h 05 min", "12 min" or "40 s"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def closing_table(rows: Sequence[Row]) -> Table:
    """Return a console table of the last and the best evaluation."""
    table = Table()
    table.add_column("")
    table.add_column("last", justify="right")
    table.add_column("best", justify="right")
    best = best_row(rows)
    if best is None:
        table.add_row("no evaluation yet", "", "")
    else:
        for label, key, form in _closing(score_of(rows)):
            table.add_row(label, *(form.format(row[key]) if key in row else "-" for row in (rows[-1], best)))
    return table


def closing_table_of_seeds(runs: Mapping[int, Sequence[Row]]) -> Table:
    """Return a console table of every seed's last evaluation, and of their mean, min and max.

    runs: evaluation rows by seed.
    """
    table = Table("seed")
    last = {seed: rows[-1] for seed, rows in runs.items() if rows}
    closing = _closing(score_of(list(last.values())))
    for label, _, _ in closing:
        table.add_column(label, justify="right")
    for seed, row in last.items():
        table.add_row(str(seed), *(form.format(row[key]) if key in row else "-" for _, key, form in closing))
    table.add_section()
    for name, of in (("mean", fmean), ("min", min), ("max", max)):
        found = ([row[key] for row in last.values() if key in row] for _, key, _ in closing)
        cells = [
            form.format(of(values)) if values else "-" for values, (_, _, form) in zip(found, closing, strict=True)
        ]
        table.add_row(name, *cells)
    return table


def _closing(score: Score) -> tuple[tuple[str, str, str], ...]:
    """Return the lines of a closing table, the score first: label, metric, format."""
    return (*_LEADING_AT_THE_END[score], *_CLOSING)
