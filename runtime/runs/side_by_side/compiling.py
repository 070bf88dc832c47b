"""Compilation before runs start side by side; otherwise each run would compile all kernels."""

from __future__ import annotations

import io
import tempfile
from dataclasses import fields, replace
from pathlib import Path

from rich.console import Console

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config, EnvConfig
from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.smac.options import SmacOptions
from fedqmix.runtime.configuration.early_stop import without_condition
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.progress import Progress
from fedqmix.runtime.runs.local.train import train


def compile_kernels(config: Config) -> None:
    """Compile all kernels into the cache on disk, by one training step into a temporary folder.

    This takes seconds with a full cache, else under a minute. Raises as `train` does.
    """
    with tempfile.TemporaryDirectory(prefix="fedqmix-") as path:
        run_dir = Path(path) / "run"
        small = _smallest(replace(config, run_dir=str(run_dir), resume=None))
        with RunFolder.create(run_dir, small, []) as folder:
            train(small, folder, [], Progress(1, Console(file=io.StringIO())))


def _smallest(config: Config) -> Config:
    """Return the configuration of one training step without StarCraft II.

    It computes on the CPU, as the runs need the GPU's memory.
    """
    return replace(
        config,
        algorithm=replace(config.algorithm, batch_size=2, buffer_size=max(2, config.algorithm.parallel_episodes)),
        strategy=with_known(config.strategy, aggregation_interval=1, policy_episodes=1),
        evaluation=replace(config.evaluation, every_env_steps=1, episodes=1),
        runtime=replace(config.runtime, device="cpu"),
        env=_in_process(config.env),
        logger=replace(config.logger, name="jsonl"),
        stop=replace(without_condition(config.stop), rounds=1, env_steps=1_000_000),
    )


def _in_process(env: EnvConfig) -> EnvConfig:
    """Return the settings of a suite; those of env=skirmish with the same sizes and rewards for StarCraft II."""
    if not isinstance(env, SmacOptions):
        return env
    same = {one.name: getattr(env, one.name) for one in fields(BattleOptions) if one.name != "name"}
    return skirmish_options(**same)
