"""Compiling before the runs start: side by side, each would compile all the kernels for itself."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fedqmix.conf.schema import Config
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.progress import Progress
from fedqmix.runtime.runs.local.train import train


def compile_kernels(config: Config) -> None:
    """Train for one training step, here and into a folder that is thrown away: all kernels are then on the disk.

    Takes seconds, and under a minute where they were not yet. Raises what training raises.
    """
    with tempfile.TemporaryDirectory(prefix="fedqmix-") as path:
        run_dir = Path(path) / "run"
        small = _smallest(replace(config, run_dir=str(run_dir), resume=None))
        with RunFolder.create(run_dir, small, []) as folder:
            train(small, folder, [], Progress(1, Console(file=io.StringIO())))


def _smallest(config: Config) -> Config:
    """Return the same for one training step, on the CPU, as a GPU's memory is for the runs, and without StarCraft."""
    return replace(
        config,
        algorithm=replace(config.algorithm, batch_size=2, buffer_size=max(2, config.algorithm.parallel_episodes)),
        strategy=replace(config.strategy, aggregation_interval=1, policy_episodes=1),
        evaluation=replace(config.evaluation, every_env_steps=1, episodes=1),
        runtime=replace(config.runtime, device="cpu"),
        env=replace(config.env, name="skirmish"),
        logger=replace(config.logger, name="jsonl"),
        stop=replace(config.stop, rounds=1, env_steps=1_000_000, win_rate=None),
    )
