"""The tables of a report as text cells, and their HTML and Markdown."""

from __future__ import annotations

import html as markup
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedqmix.analysis.reports.cells import INTERVALS, NOTHING, chance, rate, steps
from fedqmix.analysis.reports.results import (
    BASELINES,
    THRESHOLDS,
    MethodResult,
    baselines,
    over_all_maps,
    replayed,
)
from fedqmix.analysis.reports.runs import BEST, FINAL, OURS, Methods, Run, metric_of_all, score_of_all, varying, written
from fedqmix.analysis.reports.statistics import ENOUGH, win_rate_interval
from fedqmix.runtime.core.world import Score


@dataclass(frozen=True)
class Table:
    """A table of text cells. name: for links. heads: [columns]; rows: [rows][columns]."""

    name: str
    title: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def html(table: Table) -> str:
    """Return an HTML table element; cells with numbers are aligned right."""
    heads = "".join(f"<th scope='col'>{markup.escape(head)}</th>" for head in table.heads)
    rows = "\n".join(
        "<tr>" + "".join(f"<td{_side(cell)}>{markup.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f'<table id="{table.name}">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'


def markdown(table: Table) -> str:
    """Return a Markdown table with its title and caption."""
    lines = [table.heads, ["---"] * len(table.heads), *table.rows]
    cells = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([f"## {table.title}", "", *cells, "", table.caption, ""])


def scores(found: Sequence[MethodResult], methods: Methods) -> Table:
    """Return the table of final and best scores and of improvements over the baselines."""
    metric, compared = metric_of_all(methods), baselines(methods)
    rows = [
        [
            result.map,
            result.method,
            str(result.scores[FINAL].seeds),
            rate(result.scores[FINAL]),
            rate(result.scores[BEST]),
            *(chance(result.better.get(strategy)) for strategy in compared),
        ]
        for result in found
    ]
    label = metric.label
    better = (
        f" P(better than ...) is the probability that a run of the method has a higher final {label} than a run of the "
        f"baseline with the same algorithm, {TIES}"
    )
    return Table(
        f"{label.replace(' ', '-')}s",
        f"{label.capitalize()}s",
        f"{measured(methods, FINAL)} {measured(methods, BEST)} {INTERVALS}{better if compared else ''}",
        ["map", "method", "seeds", f"final {label}", f"best {label}", *(f"P(better than {one})" for one in compared)],
        rows,
    )


def returns(found: Sequence[MethodResult]) -> Table | None:
    """Return the table of returns beside win rates; None when no run records returns, or when they are the scores."""
    rows = [
        [
            result.map,
            result.method,
            *map(rate, (result.returns.final, result.returns.area)),
            *(chance(result.returns.better.get(strategy)) for strategy in BASELINES),
        ]
        for result in found
        if result.returns
    ]
    if not rows:
        return None
    return Table(
        "returns-earned",  # the figure is called returns
        "Returns",
        "Final return: of the last evaluation in training. Mean return: the area under the curve over the environment "
        "steps that all runs of the map have in common, divided by their number. P(better than ...) is of the mean "
        f"return. {INTERVALS} Returns separate methods while hardly an episode is won; a higher return is not "
        "always a better chance to win.",
        ["map", "method", "final return", "mean return", *(f"P(better than {one})" for one in BASELINES)],
        rows,
    )


def sample_efficiency(found: Sequence[MethodResult], methods: Methods) -> Table:
    """Return the table of areas under the curve and of environment steps to win rates."""
    metric, thresholds = metric_of_all(methods), THRESHOLDS if score_of_all(methods) is Score.WIN_RATE else ()
    rows = []
    for result in found:
        cells = [result.map, result.method, rate(result.area)]
        for threshold in thresholds:
            reached = result.reached[threshold]
            cells += [steps(reached.median), f"{reached.seeds} of {reached.of}"]
        rows.append([*cells, *_spent(methods[result.map][result.method])])
    heads = [
        head
        for threshold in thresholds
        for head in (f"env steps to {threshold:.0%}", f"seeds that won {threshold:.0%}")
    ]
    reaching = (
        " Environment steps to a win rate: up to the first evaluation that won so many, median of all seeds, 'not' "
        "where most never did; all environment steps of training count."
    )
    return Table(
        "sample-efficiency",
        "Sample efficiency",
        f"Mean {metric.label}: the area under the curve over the environment steps that all runs of the map have in "
        f"common, divided by their number. {INTERVALS}{reaching if thresholds else ''} Parameters sent and received "
        "(MB) and seconds of training: mean of the whole runs.",
        ["map", "method", f"mean {metric.label}", *heads, "MB", "seconds"],
        rows,
    )


def all_maps(methods: Methods) -> Table | None:
    """Return the table over all maps; None when there is one map, or no method has enough seeds."""
    compared = baselines(methods)
    rows = [
        [name, rate(summary), *(chance(better.get(strategy)) for strategy in compared)]
        for name, summary, better in over_all_maps(methods)
    ]
    if not rows:
        return None
    return Table(
        "all-maps",
        "All maps together",
        f"Methods with at least {ENOUGH} seeds on each of {', '.join(methods)}: interquartile mean of the final "
        f"{metric_of_all(methods).label} over all runs, with a 95 % bootstrap interval stratified by map.",
        ["method", f"final {metric_of_all(methods).label}", *(f"P(better than {one})" for one in compared)],
        rows,
    )


def runs(methods: Methods) -> Table:
    """Return the table of all runs."""
    rows = [
        [
            run.label,
            map_,
            method,
            str(run.seed),
            run.outcome,
            f"{run.rows[-1]['env_step']:,}",
            *(f"{run.logged(which):.3f}" for which in (FINAL, BEST)),
            *(_again(run, which) for which in (FINAL, BEST)),
        ]
        for map_, by_name in methods.items()
        for method, members in by_name.items()
        for run in members
    ]
    return Table(
        "runs",
        "Runs",
        "Final and best: the last and the best evaluation in metrics.jsonl; the best is the highest of many noisy "
        "ones, so it is biased upwards. Played again: the networks of that checkpoint in new greedy episodes, with the "
        f"95 % interval ({_EPISODES[score_of_all(methods)]}) that comes from the number of episodes.",
        ["run", "map", "method", "seed", "outcome", "env steps", "final", "best", "final again", "best again"],
        rows,
    )


def differences(methods: Methods) -> Table | None:
    """Return the table of settings in which methods differ; None when they agree in all."""
    named: dict[str, list[Run]] = {}
    for by_name in methods.values():
        for method, members in by_name.items():
            named.setdefault(method, []).extend(run for run in members if run.settings)
    named = {method: members for method, members in named.items() if members}
    names = varying([run.settings for members in named.values() for run in members])
    rows = [[name, *(_values(members, name) for members in named.values())] for name in names]
    if not rows:
        return None
    return Table(
        "settings",
        "Settings that differ",
        "Every setting that is not the same in all runs, except seed, folder, threads and when a run stops. Compare "
        "methods only where no other settings differ than those that define the method.",
        ["setting", *named],
        rows,
    )


def sent(methods: Methods) -> Table | None:
    """Return the table of bytes by channel of deployed runs; None when there are none."""
    found = [run for by_name in methods.values() for members in by_name.values() for run in members if run.sent]
    channels = list(dict.fromkeys(name for run in found for name in run.sent))
    if not found:
        return None
    rows = [[run.label, *(f"{run.sent.get(name, 0) / 1e6:.3f}" for name in channels)] for run in found]
    caption = "Megabytes both ways by channel, of the runs that were trained as a federation of processes."
    return Table("sent", "Bytes on the wire", caption, ["run", *channels], rows)


def commands(methods: Methods) -> Table:
    """Return the table of each run's command line, versions, machine and game."""
    rows = [
        [run.label, run.command or NOTHING, _listed(run.versions), _listed(run.machine), run.game or "unknown"]
        for by_name in methods.values()
        for members in by_name.values()
        for run in members
        if run.source == OURS
    ]
    caption = "Each run's command, as in its summary.json, and its versions, machine and game."
    return Table("commands", "Commands and versions", caption, ["run", "command", "versions", "machine", "game"], rows)


TIES = "a tie counting half (Mann-Whitney U); 0.5 means no difference, and an interval that holds 0.5 is inconclusive."
_EPISODES = {Score.WIN_RATE: "Wilson", Score.RETURN: "bootstrap"}  # the interval over episodes


def measured(methods: Methods, which: str) -> str:
    """Return a sentence on how the FINAL or BEST scores of a report were measured."""
    label = f"{which.capitalize()} {metric_of_all(methods).label}"
    if replayed(methods, which):
        episodes = {
            run.replayed[which].episodes
            for by_name in methods.values()
            for members in by_name.values()
            for run in members
            if which in run.replayed
        }
        return f"{label}: of the networks played again, {max(episodes)} episodes each."
    return f"{label}: as logged in training, because not all networks were played again."


def _again(run: Run, which: str) -> str:
    if which not in run.replayed:
        return run.not_replayed.get(which, NOTHING)
    replay = run.replayed[which]
    if run.score is Score.WIN_RATE:
        low, high = win_rate_interval(replay.won, replay.episodes)
    elif replay.return_low is not None and replay.return_high is not None:
        low, high = replay.return_low, replay.return_high
    else:
        return f"{replay.mean_return:.3f} (round {replay.round})"
    return f"{replay.score(run.score):.3f} [{low:.3f}, {high:.3f}] (round {replay.round})"


def _spent(members: Sequence[Run]) -> list[str]:
    cells = []
    for keys, scale in ((("fed/bytes_up", "fed/bytes_down"), 1e6), (("elapsed_s",), 1)):
        known = [run for run in members if all(key in run.rows[-1] for key in keys)]
        total = sum(float(run.rows[-1][key]) for run in known for key in keys) / scale
        cells.append(f"{total / len(known):,.1f}" if known else NOTHING)
    return cells


def _values(members: Sequence[Run], name: str) -> str:
    return "; ".join(dict.fromkeys(written(run.settings.get(name)) for run in members))


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or NOTHING


def _side(cell: str) -> str:
    number = cell.removeprefix("-")[:1].isdigit()
    return ' class="number"' if number or cell in (NOTHING, "not") else ""
