"""`fedqmix ladder`: one recipe on many maps, the easiest first, gone on with until all are done."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from runtimes.comparison.comparison import Comparison
from runtimes.comparison.cost import estimate, table
from runtimes.comparison.ladder import Ladder, read_ladder
from runtimes.comparison.outcome import outcome
from runtimes.comparison.training import name_failed, train_waiting
from runtimes.configuration.names import program
from runtimes.processes import interruptible
from runtimes.run.sides import choose_device
from runtimes.side_by_side.compiling import compile_kernels
from runtimes.side_by_side.cores import cores, side_by_side
from runtimes.side_by_side.run import State

HELP = """\
fedqmix ladder [name=value ...]    one recipe on a list of maps, the easiest class of difficulty first

  experiment=tuned          the recipe
  maps=[3m,8m] seeds=[1]    default: all maps, seed 1; also strategies=[full_sharing] algorithms=[qmix]
  run_dir=FOLDER            the common folder; default runs/ladder-<experiment>
  --dry-run                 what it would cost, and no more

Every other setting of `fedqmix train --help` holds for all runs, stop.env_steps for the maps of this call. The same
command again goes on with what was cut off, and skips what is done; a larger stop.env_steps lets runs go on for longer.
What the table says: docs/runs.md
"""


def ladder_command(words: list[str]) -> int:
    """Train all that the words ask for and that is not done yet; return the exit status."""
    said = read_ladder(words)
    console = Console(stderr=True)
    comparison = Comparison(said.plan)
    with interruptible():
        if said.dry_run:
            _print_cost(comparison, console)
            return 0
        with comparison.lock():
            return _train(comparison, said, words, console)


def _train(comparison: Comparison, said: Ladder, words: Sequence[str], console: Console) -> int:
    """Train what is not done; return the exit status."""
    again = shlex.join([*program().split(), "ladder", *words])
    runs = comparison.runs()
    waiting = [run for run in runs.values() if run.state is State.WAITING]
    config = comparison.config(comparison.cells[0])
    choose_device(config.runtime.device)  # one message, and not one in every log
    at_once = side_by_side(len(waiting), config.runtime.threads)
    console.print(
        Text(
            f"{len(runs)} runs in {comparison.path}; {len(runs) - len(waiting)} are done; {at_once} at once on "
            f"{cores()} cores, runtime.threads={config.runtime.threads} each"
        ),
        soft_wrap=True,
    )
    if waiting:
        if at_once > 1:
            compile_kernels(config)
        train_waiting(list(runs.values()), at_once, again, console)
    Console().print(outcome(runs))
    return 1 if name_failed(list(runs.values()), again, console) else 0


def _print_cost(comparison: Comparison, console: Console) -> None:
    """Print what is left to do and what it will cost."""
    runs = comparison.runs()
    costs = estimate(comparison, runs, lambda what: console.print(Text(what), soft_wrap=True))
    waiting = sum(run.state is State.WAITING for run in runs.values())
    console.print(table(costs, side_by_side(waiting, comparison.config(comparison.cells[0]).runtime.threads)))
