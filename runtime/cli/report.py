"""`fedqmix report`: results and traffic of runs, in the terminal and as a page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fedqmix.analysis.reports.agreement import require_alike, require_each_once
from fedqmix.analysis.reports.page import Report, compose, html_page, markdown_page
from fedqmix.analysis.reports.runs import BEST, FINAL, OURS, Run, all_named, by_method
from fedqmix.runtime.cli import service_options
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.deployment.byte_book import ledger_table, read_ledger
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.collecting.folder import require_folder
from fedqmix.runtime.runs.lifecycle.progress import closing_table
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.reporting.named import anchors_of, with_size
from fedqmix.runtime.runs.reporting.playing_again import play_again
from fedqmix.runtime.runs.reporting.reading import read_all
from fedqmix.runtime.storage.files import write_whole
from fedqmix.server.records.summary import versions

HELP = """\
fedqmix report RUN... [name=value ...]    scores with intervals, learning curves, weights and distances: one page
                                          that works without a network (report.html), the tables as Markdown
                                          (report.md), every figure as a file (*.svg); and for a federated run the
                                          bytes each party sent over each channel

  out=FOLDER       folder for all files; default: RUN/report for one path, runs/report-<time> for several
  episodes=320     greedy episodes that the final and the best networks of every run play again; 0: none

RUN is a run folder, a folder of several seeds, or one that holds runs, as runs/ does. Beside them: folders of EPyMARL's
runs (results/sacred/...), and files in marl-eval's schema. Runs that were not measured alike are refused.

The numbers are explained in docs/report.md, privacy in docs/privacy.md.
"""
OPTIONS = ("out", "episodes")
LOCAL = "This run was trained in one process: nothing was sent. `fedqmix up` trains as a federation."
NOTHING = "No evaluation was finished yet, so there is nothing to compare, and no report is written."
EPISODES = 320
FEW = 3
"""Most runs that get a table each in the terminal."""


@dataclass(frozen=True)
class Words:
    """The parsed words of `fedqmix report`.

    paths: the runs. out: the report's folder. episodes: episodes to play again with each network.
    """

    paths: list[Path]
    out: Path
    episodes: int


def report_command(words: list[str]) -> int:
    """Print the tables of some runs, play their networks again, and write the report."""
    options = parse_words(words)
    console = Console()
    require_writable(options.out, "out")
    require_folder("out", options.out)
    with interruptible():
        runs = read_all(options.paths)
        _require_comparable(runs)
        _print(runs, console)
        report_on(runs, options, ["report", *words], console)
    return 0


def report_on(runs: Sequence[Run], options: Words, command: Sequence[str], console: Console) -> None:
    """Play networks again, and write the report. command: the words after the program's name.

    Raises ConfigurationError when runs were not measured alike, StorageError when the report cannot be written.
    """
    _require_comparable(runs)
    kept = [run for run in runs if run.rows]
    if not kept:
        console.print(Text(NOTHING), soft_wrap=True)
        return
    again = [with_size(run) for run in _played(kept, options.episodes, console)]
    methods, notes = by_method(again), _notes(runs, options.episodes)
    anchors = anchors_of(again) if all_named(methods) else {}
    report = compose(methods, notes, shlex.join(["fedqmix", *command]), versions(), anchors)
    console.print(Text(f"report: {write(report, options.out)}"), soft_wrap=True)


def parse_words(words: Sequence[str]) -> Words:
    """Parse the words of `fedqmix report`. Raises ConfigurationError for an invalid word."""
    options = service_options.parse(
        "report", [word for word in words if _is_option(word)], OPTIONS, ("RUN...", *(f"{name}=" for name in OPTIONS))
    )
    paths = [Path(word) for word in words if not _is_option(word)]
    if not paths:
        raise ConfigurationError("fedqmix report needs a run folder, such as those under runs/.")
    text = options.get("episodes", str(EPISODES))
    if not text.isdecimal():
        raise ConfigurationError(f"episodes={text}: a whole number is needed, 0 to play nothing again.")
    alone = paths[0] / "report" if len(paths) == 1 and paths[0].is_dir() else None
    if "out" not in options and alone is not None and alone.is_symlink():
        raise ConfigurationError(f"{alone} is a symbolic link to elsewhere: choose a place with out=FOLDER.")
    out = alone or Path("runs") / f"report-{datetime.now():%Y%m%d-%H%M%S}"
    return Words(paths, Path(options.get("out", out)), int(text))


def write(report: Report, out: Path) -> Path:
    """Write page, Markdown and figures into a folder; return the page's path.

    Raises StorageError.
    """
    documents = {"report.html": html_page(report), "report.md": markdown_page(report)}
    documents |= {f"{figure.name}.svg": figure.file for figure in report.figures}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in documents.items():
            write_whole(out / name, text.encode())
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}. Choose another place with out=FOLDER.") from error
    return out / "report.html"


def _require_comparable(runs: Sequence[Run]) -> None:
    kept = [run for run in runs if run.rows]
    if kept:
        require_alike(kept)
        require_each_once(by_method(kept))


def _is_option(word: str) -> bool:
    """Return whether a word is an option; Hydra's sweeps make folders with an equals sign too."""
    return word.startswith("-") or ("=" in word and not Path(word).exists())


def _print(runs: Sequence[Run], console: Console) -> None:
    ours = [run for run in runs if run.source == OURS]
    if len(ours) > FEW:
        console.print(_overview(ours))
        return
    for run in ours:
        console.print(Text(run.label, style="bold"), soft_wrap=True)
        console.print(closing_table(run.rows))
        lines = read_ledger(Path(run.label))
        console.print(ledger_table(lines) if lines else Text(LOCAL))


def _overview(runs: Sequence[Run]) -> Table:
    """Return a table with one line per run, without its traffic; the report has it."""
    table = Table("run", "outcome")
    score = next((run.metric.short for run in runs if run.rows), "score")
    for head in ("env steps", f"last {score}", f"best {score}"):
        table.add_column(head, justify="right")
    for run in runs:
        steps = f"{run.rows[-1]['env_step']:,}" if run.rows else "-"
        scores = [run.metric.text(run.logged(which)) if run.rows else "-" for which in (FINAL, BEST)]
        table.add_row(run.label, run.outcome, steps, *scores)
    return table


def _played(runs: Sequence[Run], episodes: int, console: Console) -> list[Run]:
    if not episodes:
        return list(runs)
    ours = sum(run.source == OURS for run in runs)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("episodes played again", total=2 * episodes * ours)
        return [
            play_again(run, episodes, lambda count: progress.advance(task, count)) if run.source == OURS else run
            for run in runs
        ]


def _notes(runs: Sequence[Run], episodes: int) -> list[str]:
    """Return the notes that a reader needs beside the numbers."""
    notes = [f"{run.label} has finished no evaluation and is left out." for run in runs if not run.rows]
    kept = [run for run in runs if run.rows]
    cut = [run.label for run in kept if run.source == OURS and run.outcome != "finished"]
    if cut:
        notes.append(f"Not finished, so their last evaluation is not an end: {', '.join(cut)}.")
    versioned = {run.game for run in kept}
    if len(versioned) > 1:
        unknown = ", ".join(run.label for run in kept if run.game is None)
        notes.append(f"These do not record the version of the game, which was not compared: {unknown}.")
    for run in runs:
        for agent, refused in run.refused.items():
            why = f"; the last time it {refused['last']}" if refused["last"] else ""
            notes.append(f"{run.label}: agent {agent} was refused {refused['times']} times{why}.")
    if not episodes:
        notes.append("No networks were played again (episodes=0).")
    return notes
