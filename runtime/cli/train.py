"""`fedqmix train`: train one run, several seeds or a sweep of runs, or resume a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli.train_seeds import begin_seeds, resume_seeds
from fedqmix.runtime.configuration import settings
from fedqmix.runtime.configuration.seeds import take_seeds
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.local.once import train_once
from fedqmix.runtime.runs.seeds.experiment import folder_of_seeds


def train_command(words: list[str]) -> int:
    """Train the runs that the words describe; return the exit status."""
    sweep = any(word in ("-m", "--multirun") for word in words)
    seeds, overrides = take_seeds([word for word in words if word not in ("-m", "--multirun")])
    runs = settings.expand(overrides) if sweep else [overrides]
    if sweep:
        for config in map(settings.compose, runs):  # errors of the last run are reported before the first starts
            require_ready(config)
            require_writable(Path(config.run_dir))
    status = 0
    with interruptible():
        for number, run in enumerate(runs, start=1):
            if sweep:
                Console().print(Text(f"run {number} of {len(runs)}: {' '.join(run)}", style="bold"), soft_wrap=True)
            status = max(status, _train(run, seeds))
    return status


def _train(run: list[str], seeds: list[int] | None) -> int:
    """Train or resume one run, with one seed or several; return the exit status."""
    if seeds is not None:
        return begin_seeds(run, seeds)
    if (folder := folder_of_seeds(run)) is not None:
        return resume_seeds(folder, run)
    config = settings.compose(run)
    if config.runtime.name == settings.DEPLOYMENT:
        from fedqmix.runtime.cli.up import up_command  # here, because a local run does not need its imports

        return up_command(run)
    require_ready(config)
    train_once(config, ["fedqmix", "train", *run], Console(), Console(stderr=True))
    return 0
