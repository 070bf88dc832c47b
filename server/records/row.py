"""A row of metrics, and the interface of loggers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Protocol

from fedqmix.runtime.core.errors import DivergenceError

Row = dict[str, float | int]
"""The metrics of one evaluation, under EPyMARL's keys where it has them.

env_step: environment steps of training so far; episode, round, train_step: their numbers so far;
elapsed_s: seconds since training began; test_battle_won_mean: share of evaluation episodes won, 0..1;
test_return_mean, test_return_std: team return, its mean and its standard deviation over the evaluation's episodes
(divided by their number, as EPyMARL's); test_ep_length_mean: environment steps; test_fixed_battle_won_mean,
test_fixed_return_mean, test_fixed_return_std: the same for episodes from the map's own starts, with
evaluation.starts=both; test_before_battle_won_mean, test_before_return_mean, test_before_return_std: on the episodes of
test_return_mean, with the agents' own networks just before aggregation (evaluation.around_aggregation);
battle_won_mean, return_mean, ep_length_mean: of the training episodes since the last row; loss, grad_norm
and the algorithm's other figures (TeamHalf.figures): means over the training steps since the last row; epsilon: at the
round's end;
fed/bytes_up, fed/bytes_down: bytes sent by and to all agents so far; fed/weight_<i>: agent i's weight in the last
round; fed/distance/<parameter>: mean Euclidean distance between two agents before the last aggregation;
broken_battles: episodes played again so far because their game process failed (StarCraft II's can).
A value that is not known yet (the loss before the first training step) is left out. A world in which no episode can be
won has none of the win rates (*battle_won_mean).
"""


class MetricLogger(Protocol):
    """A destination of rows."""

    def log(self, row: Row) -> None:
        """Write one row; the destination holds it when the call returns."""

    def close(self) -> None:
        """Release files and processes."""


def plain(row: Mapping[str, float | int]) -> Row:
    """Return the row with Python's int and float values.

    Raises DivergenceError when one is not finite.
    """
    cleaned: Row = {}
    for name, value in row.items():
        if not math.isfinite(value):
            raise DivergenceError(f"metric {name}", f"environment step {row.get('env_step', 'unknown')}")
        cleaned[name] = int(value) if isinstance(value, numbers.Integral) else float(value)
    return cleaned
