"""The score of a run: the evaluation metric that leads displays, the best checkpoint, early stops and reports.

A world in which an episode can be won has the win rate, any other world the team return. Rows of a run without wins
hold no win rate, so the rows tell the score; every run of an older version has the win rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fedqmix.runtime.core.facts import Returns
from fedqmix.runtime.core.world import Score
from fedqmix.server.records.row import Row

WON, RETURN = "test_battle_won_mean", "test_return_mean"
WON_FIXED, RETURN_FIXED = "test_fixed_battle_won_mean", "test_fixed_return_mean"
WON_BEFORE, RETURN_BEFORE = "test_before_battle_won_mean", "test_before_return_mean"
WON_IN_TRAINING = "battle_won_mean"
UNKNOWN: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class ScoreMetric:
    """The metrics of a score in a row, and the score in words.

    label: its name in a sentence. short: its name before a value. mean: of an evaluation. fixed: of episodes from the
    map's own starts. before: of the agents' own networks, just before aggregation. form, exact: formats of a value, in
    a line and in a table.
    """

    label: str
    short: str
    mean: str
    fixed: str
    before: str
    form: str
    exact: str

    def text(self, value: float) -> str:
        """Return a value as text for a line: "71%", "-901.25"."""
        return self.form.format(value)


SCORES: Mapping[Score, ScoreMetric] = {
    Score.WIN_RATE: ScoreMetric("win rate", "won", WON, WON_FIXED, WON_BEFORE, "{:.0%}", "{:.1%}"),
    Score.RETURN: ScoreMetric("return", "return", RETURN, RETURN_FIXED, RETURN_BEFORE, "{:.2f}", "{:.2f}"),
}


def is_evaluation(row: Mapping[str, Any]) -> bool:
    """Return whether a row holds an evaluation."""
    return WON in row or RETURN in row


def score_of(rows: Sequence[Row], summary: Mapping[str, Any] = UNKNOWN) -> Score:
    """Return a run's score: its evaluations', before the first its summary's, else the win rate.

    summary: the content of summary.json, as `runtime.runs.lifecycle.summaries` reads it.
    """
    if rows:
        return Score.WIN_RATE if WON in rows[0] else Score.RETURN
    return Score(summary.get("score", Score.WIN_RATE))


def metric_of(rows: Sequence[Row]) -> ScoreMetric:
    """Return the metrics of a run's score. rows: its evaluations."""
    return SCORES[score_of(rows)]


def rank(row: Row) -> tuple[float, float]:
    """Return the value by which evaluations of one run are ordered: win rate, then return; 0 for a missing one."""
    return row.get(WON, 0.0), row.get(RETURN, 0.0)


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the first row of the highest rank; None without rows."""
    return max(rows, key=rank, default=None)


def std_of(mean: str) -> str:
    """Return the key of the standard deviation that belongs to a mean's key."""
    return f"{mean.removesuffix('mean')}std"


def with_std(mean: str, returns: Returns) -> Row:
    """Return the metrics of an evaluation's returns. mean: the key of their mean."""
    return {mean: returns.mean, std_of(mean): returns.std}


def drop_wins(row: Row, score: Score) -> Row:
    """Return a row without its win rates, where an episode cannot be won."""
    left_out = (WON, WON_FIXED, WON_BEFORE, WON_IN_TRAINING) if score is Score.RETURN else ()
    return {name: value for name, value in row.items() if name not in left_out}
