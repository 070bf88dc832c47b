"""marl_eval.json: the raw-data schema of marl-eval (Gorsane et al. 2022, arXiv 2209.10485; instadeepai/marl-eval).

environment -> task -> algorithm -> seed_<n> -> step_<k> -> step_count, elapsed_time, one list per metric. A seed also
holds absolute_metrics. The environment is the world, the task the map, the algorithm "qmix-a_pps".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fedqmix.conf.schema import Config
from fedqmix.server.records.row import Row
from fedqmix.server.records.scores import RETURN, WON, best_row

_METRICS = {
    "win_rate": WON,
    "return": RETURN,
    "episode_length": "test_ep_length_mean",
}


def marl_eval(config: Config, rows: Sequence[Row], absolute: Row | None = None) -> dict[str, Any]:
    """Return the document of one run. Documents of several runs merge key by key.

    rows: every evaluation in order. absolute: the best networks' evaluation with ten times the episodes, as the paper
    requires; None uses the best row. Each list holds one value, the mean over the episodes, as the schema allows.
    A run whose episodes cannot be won has no win_rate.
    """
    final = absolute if absolute is not None else best_row(rows)
    run: dict[str, Any] = {
        f"step_{k}": {
            "step_count": int(row["env_step"]),
            "elapsed_time": float(row["elapsed_s"]),
            **_values(row),
        }
        for k, row in enumerate(rows)
    }
    run["absolute_metrics"] = _values(final) if final is not None else {}
    algorithm = f"{config.algorithm.name}-{config.strategy.name}"
    return {config.env.name: {config.map: {algorithm: {f"seed_{config.seed}": run}}}}


def _values(row: Row) -> dict[str, list[float]]:
    return {name: [float(row[key])] for name, key in _METRICS.items() if key in row}
