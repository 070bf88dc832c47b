"""`fedqmix train`: one run, a sweep of runs, or a run that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from conf.schema import Config
from runtimes.configuration import settings
from runtimes.configuration.names import program
from runtimes.local.train import train
from runtimes.run.folder import RunFolder
from runtimes.run.progress import Progress, closing_table

_HELP = """\
fedqmix train [name=value ...]    every setting is an override; the choices of the groups:

{groups}

single settings: map=3m seed=1 stop.env_steps=300000 algorithm.batch_size=32 strategy.reward=team ...
(conf/schema.py says what each means and takes, conf/config.yaml what it is by default)
several runs: -m strategy=none,a_pps seed=1,2,3        go on with a run: resume=RUN_FOLDER
"""


def help_text() -> str:
    """Return what `fedqmix train --help` prints."""
    return _HELP.format(groups=settings.explain_groups())


def train_command(words: list[str]) -> int:
    """Train as the words say; return the exit status."""
    sweep = any(word in ("-m", "--multirun") for word in words)
    overrides = [word for word in words if word not in ("-m", "--multirun")]
    runs = settings.expand(overrides) if sweep else [overrides]
    for number, run in enumerate(runs, start=1):
        if sweep:
            Console().print(Text(f"run {number} of {len(runs)}: {' '.join(run)}", style="bold"), soft_wrap=True)
        config = settings.compose(run)
        if config.runtime.name == settings.DEPLOYMENT:
            from runtimes.commands.up import up_command  # here, because it loads what a local run has no need of

            up_command(run)
        else:
            train_once(config, ["fedqmix", "train", *run])
    return 0


def train_once(config: Config, command: Sequence[str]) -> None:
    """Train one run in its folder, with a progress display; say how to resume when interrupted."""
    console = Console()
    with RunFolder.of(config, command) as folder:
        folder.save_config(replace(config, resume=None))  # a later resume keeps a new stop.*
        try:
            with Progress(config.stop.env_steps, console) as progress:
                rows = train(config, folder, command, progress)
        except KeyboardInterrupt:
            Console(stderr=True).print(
                Text(f"\ninterrupted. Go on with: {program()} train resume={folder.path}"), soft_wrap=True
            )
            raise
        console.print(closing_table(rows))
        console.print(Text(f"run folder: {folder.path}"), soft_wrap=True)  # one line, to be copied
