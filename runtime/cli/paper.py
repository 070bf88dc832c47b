"""`fedqmix paper`: compare the methods of a plan over several seeds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli.report import parse_words, report_on
from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.cost import estimate, table
from fedqmix.runtime.runs.comparison.outcome import outcome
from fedqmix.runtime.runs.comparison.paper import read_plan
from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.comparison.training import name_failed, train_waiting
from fedqmix.runtime.runs.reporting.reading import read_all
from fedqmix.runtime.runs.side_by_side.cores import cores, side_by_side
from fedqmix.runtime.runs.side_by_side.run import Run, State

DRY_RUN = "--dry-run"
HELP = """\
fedqmix paper [name=value ...]    {qmix, vdn} x {none, full_sharing, a_pps, rs_pps, pp_pps} x maps x seeds

  scale=laptop                        laptop (a night on two cores), paper (the paper's sizes), smoke (minutes)
  maps=[3m,2s3z] seeds=[1,2,3,4,5]    default: those of the scale; also algorithms=[qmix] strategies=[none,rs_pps]
  run_dir=FOLDER                      the common folder; default runs/paper-<scale>, runs/paper-adaptive-<scale>
  --dry-run                           estimate the cost, and train nothing

fedqmix paper plan=adaptive [name=value ...]    adaptive parameter sharing and its baselines x tasks x seeds

  methods=[nops,adaps]                default: nops, fups, fups_id, seps, oracle, adaps, adaps_random, snp_ps
  tasks=[bps-mini,v3-mini]            default: those of the scale; also bps-1, lbf-fixed. scale=, seeds=: above

Every other setting of `fedqmix train --help` holds for all runs: stop.env_steps=100000 strategy.reward=team ...
The same command again resumes interrupted runs and skips finished ones. Once all are done it writes their report
(FOLDER/report/report.html). The comparisons are described in docs/paper.md.
"""


def paper_command(words: list[str]) -> int:
    """Train the comparison's runs that are not done, and report on all; return the exit status."""
    console = Console()
    comparison = Comparison(read_plan([word for word in words if word != DRY_RUN]))
    with interruptible():
        if DRY_RUN in words:
            _print_cost(comparison, comparison.runs(), console)
            return 0
        if (warning := comparison.memory_warning(comparison.runs())) is not None:
            console.print(Text(warning), soft_wrap=True)
        with comparison.lock():
            return _train(comparison, ["paper", *words], console)


def _train(comparison: Comparison, command: list[str], console: Console) -> int:
    """Train, print the outcome and write the report; return the exit status."""
    again = shlex.join([*program().split(), *command])
    runs = comparison.runs()
    if at_once := _print_cost(comparison, runs, console):
        train_waiting(list(runs.values()), at_once, again, console)
    console.print(outcome(runs, comparison.heads))
    if name_failed(list(runs.values()), again, console):
        return 1
    options = parse_words([str(comparison.path)])
    report_on(read_all(options.paths), options, command, console)
    return 0


def _print_cost(comparison: Comparison, runs: Mapping[Cell, Run], console: Console) -> int:
    """Print the remaining runs and their cost; return how many train side by side, 0 if none."""
    config = comparison.config(comparison.cells[0])
    waiting = sum(run.state is State.WAITING for run in runs.values())
    steps = f"{config.stop.env_steps:,} environment steps each"
    console.print(
        Text(f"{len(runs)} runs in {comparison.path}, {steps}; {len(runs) - waiting} are done"), soft_wrap=True
    )
    if not waiting:
        return 0
    costs = estimate(comparison, runs, lambda text: console.print(Text(text), soft_wrap=True))
    threads = config.runtime.threads
    at_once = side_by_side(waiting, threads)
    console.print(table(costs, at_once, comparison.heads))
    shares = f"{at_once} at once on {cores()} cores, runtime.threads={threads} each"
    if any(cost.measured for cost in costs):
        shares += "; measured with one run alone: side by side they are slower"
    console.print(Text(shares), soft_wrap=True)
    return at_once
