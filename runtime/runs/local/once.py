"""One run in its folder, from its first episode to its summary, with messages to the user."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.memory_need import of_run, require_memory, settled
from fedqmix.runtime.runs.lifecycle.progress import Progress, closing_table
from fedqmix.runtime.runs.lifecycle.ready import device_warning
from fedqmix.runtime.runs.local.train import Around, nothing_between, train
from fedqmix.server.records import Row

FEWER = "Free some memory, or choose a smaller model.hidden."


def train_once(
    config: Config,
    command: Sequence[str],
    console: Console,
    errors: Console,
    together: BatchedRuns = SINGLE_RUN,
    around: Around = nothing_between,
    show: Callable[[Row], None] = lambda row: None,
) -> None:
    """Train one run in its folder with a progress display; print how to resume if interrupted.

    console: prints progress; errors: prints warnings. together: this run's handle for computing with other runs of the
    program. around: wraps the team's answers to the server. show: called with every round's figures.
    """
    resumed = config.resume is not None
    advice = settled(Path(config.run_dir)) if resumed else FEWER
    warnings = [require_memory([of_run(config)], "this run", advice, resumed=resumed)]
    if resumed:
        warnings.append(device_warning(Path(config.run_dir), config))
    for warning in filter(None, warnings):
        errors.print(Text(warning), soft_wrap=True)
    with RunFolder.of(config, command) as folder:
        try:
            with Progress(config.stop.env_steps, console) as progress:
                rows = train(config, folder, command, progress, together, around, show)
        except KeyboardInterrupt:
            again = shlex.join([*program().split(), "train", f"resume={quoted(str(folder.path))}"])
            errors.print(Text(f"\ninterrupted. Go on with: {again}"), soft_wrap=True)
            raise
        console.print(closing_table(rows))
        console.print(Text(f"run folder: {folder.path}"), soft_wrap=True)  # one line, to be copied
