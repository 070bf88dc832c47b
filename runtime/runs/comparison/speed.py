"""Training speed in seconds per environment step, from earlier runs or a short measurement."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.early_stop import without_condition
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.progress import Progress
from fedqmix.runtime.runs.local.train import train
from fedqmix.runtime.runs.side_by_side.run import Run
from fedqmix.server.records import Row

TRAINING_STEPS = 24
"""Measured training steps; as many precede them, as a warm-up."""
SHORT_STRATEGY = {
    "aggregation_interval": TRAINING_STEPS,
    "policy_episodes": 1,
    "identity_episodes": 4,
    "identity_steps": 10,
    "identity_silhouette": -1.0,  # any clusters do
    "identity_converged": 0.0,
}
"""Settings of short rounds, of those that a strategy has."""
NEVER = 10**9
"""More environment steps, or rounds, than any run has."""


def seen(runs: Iterable[Run]) -> float | None:
    """Return the seconds per environment step in runs so far, evaluations included.

    None if unknown.
    """
    last = [run.rows[-1] for run in runs if run.steps]
    return sum(row["elapsed_s"] for row in last) / sum(row["env_step"] for row in last) if last else None


def measure(config: Config) -> float:
    """Train briefly into a temporary folder; return the seconds per environment step.

    Afterwards all kernels that such a run needs are compiled. The result is rough: agents act at random, no other run
    is side by side, and evaluations, checkpoints and the search for clusters are left out. Raises as `train` does.
    """
    with tempfile.TemporaryDirectory(prefix="fedqmix-") as path:
        run_dir = Path(path) / "run"
        small = _short(replace(config, run_dir=str(run_dir), resume=None))
        watch = _Watch(NEVER, Console(file=io.StringIO()))
        with RunFolder.create(run_dir, small, []) as folder:
            train(small, folder, [], watch)
    first, last = watch.rows[0], watch.rows[-1]
    return float((last["elapsed_s"] - first["elapsed_s"]) / (last["env_step"] - first["env_step"]))


def _short(config: Config) -> Config:
    """Return the configuration of two short rounds, without evaluations, with a small buffer."""
    algorithm = config.algorithm
    return replace(
        config,
        algorithm=replace(algorithm, buffer_size=max(algorithm.batch_size, algorithm.parallel_episodes)),
        strategy=with_known(config.strategy, **SHORT_STRATEGY),
        evaluation=replace(config.evaluation, every_env_steps=NEVER, episodes=1, around_aggregation=False),
        checkpoint=replace(config.checkpoint, every_rounds=NEVER),
        logger=replace(config.logger, name="jsonl"),
        stop=replace(without_condition(config.stop), rounds=2, env_steps=NEVER),
    )


class _Watch(Progress):
    """A progress display that keeps every round's figures and shows nothing."""

    def __init__(self, total_env_steps: int, console: Console) -> None:
        super().__init__(total_env_steps, console)
        self.rows: list[Row] = []

    def update(self, row: Row) -> None:
        self.rows.append(row)
