"""Training of one run from Python."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from fedqmix.runtime.api.run import Run
from fedqmix.runtime.configuration.seeds import take_seeds
from fedqmix.runtime.configuration.settings import DEPLOYMENT, compose
from fedqmix.runtime.core.errors import ConfigurationError, InputError
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.runs.lifecycle.threads import shared_out
from fedqmix.runtime.runs.local.once import train_once
from fedqmix.runtime.runs.seeds.experiment import folder_of_seeds
from fedqmix.server.records import Row


def train(*words: str, progress: bool | Callable[[Row], None] = True) -> Run:
    """Train one run in this process, as `fedqmix train WORDS` does; return it.

    words: settings as on the command line, each a text: "map=3m", "strategy=a_pps", "seed=1", "stop.env_steps=20000".
    "resume=RUN" goes on with a run. A value with spaces or other special characters needs quotes of its own:
    "run_dir='my runs/first'".
    progress: True prints as the command does; False prints nothing but warnings; a function is called with the figures
    of every round instead (docs/runs.md lists the keys; those of an evaluation are there when one took place). An
    error that it raises ends the run, which can be resumed.
    No signal handler is installed, so any thread may call. KeyboardInterrupt leaves a run that can be resumed.
    Raises ConfigurationError for a setting that is not valid, before anything is written, and any other FedqmixError as
    the command reports it.
    """
    for word in words:
        if not isinstance(word, str):
            raise InputError(f"{word!r} is not a text: write settings as 'map=3m'.")
    if not (isinstance(progress, bool) or callable(progress)):
        raise InputError(f"progress={progress!r} is not valid: True, False or a function is needed.")
    _require_one_run(words)
    config = compose(words)
    if config.runtime.name == DEPLOYMENT:
        raise ConfigurationError(
            "runtime=deployment: fedqmix.train trains in this process; `fedqmix up` starts a federation of processes."
        )
    require_ready(config)
    printed = progress is True
    show = progress if callable(progress) else _ignore
    console = Console() if printed else Console(quiet=True, force_terminal=False)
    with shared_out(config.runtime):
        train_once(config, ["fedqmix", "train", *words], console, Console(stderr=True), show=show)
    return Run(config.run_dir)


def _require_one_run(words: tuple[str, ...]) -> None:
    """Raise ConfigurationError for words that describe several runs."""
    seeds, _ = take_seeds(words)
    if seeds is not None or folder_of_seeds(words) is not None:
        raise ConfigurationError(
            "fedqmix.train trains one run: call it for every seed (seed=1, seed=2, ...), or train several side by side "
            'with the command: fedqmix train "seeds=[1,2,3]".'
        )


def _ignore(row: Row) -> None:
    """Show nothing."""
