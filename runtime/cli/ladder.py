"""`fedqmix ladder`: train one recipe on many maps, the easiest first, and print a table."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.analysis.benchmarks.difficulty import by_difficulty, difficulty
from fedqmix.analysis.reports import ladder as tables
from fedqmix.analysis.reports.runs import Run as Read
from fedqmix.analysis.reports.tables import markdown
from fedqmix.envs.maps import available_maps
from fedqmix.runtime.cli.collect import collect_all
from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.collecting.folder import collected_as, forget_rounds, require_folder
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.cost import estimate, table
from fedqmix.runtime.runs.comparison.ladder import Ladder, read_ladder
from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.comparison.training import name_failed, train_waiting
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.reporting.ladder import read_ladder_runs
from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels
from fedqmix.runtime.runs.side_by_side.cores import cores, side_by_side
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.storage.files import write_whole

HELP = """\
fedqmix ladder [name=value ...]    one recipe on a list of maps, the easiest class of difficulty first, and a table

  experiment=tuned          the recipe
  maps=[3m,8m] seeds=[1]    default: all maps, seed 1; also strategies=[full_sharing] algorithms=[qmix]
  run_dir=FOLDER            the common folder; default runs/ladder-<experiment>
  data=FOLDER               collect each finished run there, and count those that are there as done (fedqmix collect)
  keep=best                 delete the checkpoints of a collected run, all but its best networks: it cannot go on then
  out=FOLDER                where ladder.md and ladder.svg are written; default: the common folder
  --table                   train nothing: print the table of the runs in run_dir and data
  --json                    the table as JSON on standard output, where it is Markdown otherwise
  --dry-run                 estimate the cost, and train nothing

Every other setting of `fedqmix train --help` holds for all runs, stop.env_steps for the maps of this call. The same
command again resumes interrupted runs and skips finished ones; a larger stop.env_steps makes runs longer.
The table is described in docs/runs.md.
"""


def ladder_command(words: list[str]) -> int:
    """Train the ladder's runs that are not done, and print the table; return the exit status."""
    ladder = read_ladder(words)
    console = Console(stderr=True)
    status = 0
    if ladder.table_alone:
        ladder.plan.require_settings()
    _require_folders(ladder)
    with interruptible():
        if not ladder.table_alone:
            comparison = Comparison(ladder.plan)
            if ladder.dry_run:
                _print_cost(comparison, _left(comparison, ladder.data), console)
                return 0
            if (warning := comparison.memory_warning(_left(comparison, ladder.data))) is not None:
                console.print(Text(warning), soft_wrap=True)
            with comparison.lock():
                status = _train(comparison, ladder, words, console)
        _show(ladder, shlex.join(["fedqmix", "ladder", *words]), console)
    return status


def _require_folders(ladder: Ladder) -> None:
    """Check the folders of all options, before hours of training. Raises ConfigurationError."""
    for name, path in (("run_dir", ladder.plan.path), ("data", ladder.data), ("out", ladder.out)):
        if path is not None:
            require_writable(path, name)
            require_folder(name, path)
    if ladder.table_alone and ladder.data is not None and not ladder.data.is_dir():
        raise ConfigurationError(f"data={ladder.data}: there is no such folder, so no table can be made of it.")
    if ladder.table_alone and ladder.data is None and not ladder.plan.path.is_dir():
        raise ConfigurationError(f"run_dir={ladder.plan.path}: there is no such folder, so no table can be made of it.")


def _train(comparison: Comparison, ladder: Ladder, words: Sequence[str], console: Console) -> int:
    """Train the runs that are not done, and collect each finished run; return the exit status."""
    again = shlex.join([*program().split(), "ladder", *words])
    runs = list(_left(comparison, ladder.data).values())
    problems = 0

    def collect(run: Run) -> None:
        nonlocal problems
        problems += _collect(run.folder, ladder, console)

    for run in comparison.runs().values():  # an interruption may have prevented their collection
        if run.state is State.DONE:
            collect(run)
    if at_once := _print_left(comparison, runs, console):
        if at_once > 1:
            compile_kernels(comparison.config(comparison.cells[0]))
        train_waiting(runs, at_once, again, console, collect)
    return 1 if name_failed(runs, again, console) + problems else 0


def _collect(folder: Path, ladder: Ladder, console: Console) -> int:
    """Collect a finished run if data= is set; return 1 when it could not be collected."""
    if ladder.data is None:
        return 0
    refused = collect_all([folder], ladder.data, console, name_kept=False)
    if not refused and not ladder.keep_all:
        try:
            forget_rounds(folder)
        except StorageError as error:
            console.print(Text(str(error)), soft_wrap=True)
            return 1
    return refused


def _left(comparison: Comparison, data: Path | None) -> dict[Cell, Run]:
    """Return the runs of a comparison that are not collected yet."""
    runs = comparison.runs()
    if data is None:
        return runs
    return {cell: run for cell, run in runs.items() if collected_as(comparison.config(cell), data) is None}


def _print_left(comparison: Comparison, runs: Sequence[Run], console: Console) -> int:
    """Print the remaining runs; return the number of runs side by side, 0 when none remains."""
    waiting = sum(run.state is State.WAITING for run in runs)
    done = len(comparison.cells) - waiting
    console.print(Text(f"{len(comparison.cells)} runs in {comparison.path}; {done} are done"), soft_wrap=True)
    if not waiting:
        return 0
    runtime = comparison.config(comparison.cells[0]).runtime
    at_once = side_by_side(waiting, runtime.threads)
    shares = f"{at_once} at once on {cores()} cores, runtime.threads={runtime.threads} each"
    console.print(Text(shares), soft_wrap=True)
    return at_once


def _print_cost(comparison: Comparison, left: Mapping[Cell, Run], console: Console) -> None:
    """Print the remaining runs and their estimated cost."""
    if at_once := _print_left(comparison, list(left.values()), console):
        costs = estimate(comparison, left, lambda text: console.print(Text(text), soft_wrap=True))
        Console().print(table(costs, at_once, comparison.heads))


def _show(ladder: Ladder, command: str, console: Console) -> None:
    """Print the table of the folder's and the collected runs, and write it with its figure."""
    levels = {map_: difficulty(map_) for map_ in by_difficulty(available_maps())}
    runs = read_ladder_runs(ladder.plan.path, ladder.data)
    found = tables.rungs(runs, levels)
    if not found:
        console.print(Text("no evaluation was finished yet, so there is no table"), soft_wrap=True)
        return
    text = markdown(tables.table(found, command))
    print(json.dumps(tables.document(found), indent=2) if ladder.as_json else text)
    _write(runs, levels, text, command, ladder.out)
    console.print(Text(f"table and curves: {ladder.out / 'ladder.md'}, {ladder.out / 'ladder.svg'}"), soft_wrap=True)


def _write(runs: Sequence[Read], levels: Mapping[str, str], text: str, command: str, out: Path) -> None:
    """Write ladder.md and ladder.svg. Raises StorageError when they cannot be written."""
    documents = {"ladder.md": f"{text}\n![Win rates by map](ladder.svg)\n"}
    if (figure := tables.picture(runs, levels, command)) is not None:
        documents["ladder.svg"] = figure.file
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, document in documents.items():
            write_whole(out / name, document.encode())
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}. Choose another place with out=FOLDER.") from error
