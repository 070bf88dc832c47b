"""A report as one self-contained HTML file, and as Markdown."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

from fedqmix.analysis.reports import figures, results, sharing, tables
from fedqmix.analysis.reports.figures import Figure
from fedqmix.analysis.reports.runs import Methods, metric_of_all, score_of_all
from fedqmix.analysis.reports.sharing import Anchors
from fedqmix.analysis.reports.statistics import ENOUGH
from fedqmix.analysis.reports.tables import Table
from fedqmix.runtime.core.world import Score


@dataclass(frozen=True)
class Report:
    """The contents of a report.

    about: text below the title. notes: caveats. made: its command and versions.
    """

    title: str
    about: str
    notes: Sequence[str]
    made: str
    figures: Sequence[Figure]
    tables: Sequence[Table]
    methods: Methods


def compose(
    methods: Methods,
    notes: Sequence[str],
    command: str,
    versions: Mapping[str, str],
    anchors: Mapping[str, Anchors] | None = None,
) -> Report:
    """Compute all tables and draw all figures.

    command, versions: of this report, for the captions of figures. anchors: by named task, of those that have them.
    """
    found = results.results(methods)
    by = f"Made by: {command} ({', '.join(f'{name} {version}' for name, version in versions.items())})."
    parts = [
        tables.scores(found, methods),
        sharing.sharing(found, methods, anchors or {}),
        sharing.pairs(methods),
        tables.all_maps(methods),
        tables.returns(found),
        tables.sample_efficiency(found, methods),
        tables.differences(methods),
        tables.runs(methods),
        tables.sent(methods),
        tables.commands(methods),
    ]
    return Report(
        f"fedqmix report: {', '.join(methods)}",
        _about(methods),
        notes,
        by,
        draw(methods, by),
        [part for part in parts if part is not None],
        methods,
    )


def draw(methods: Methods, by: str) -> list[Figure]:
    """Draw every figure for which runs have data.

    by: command and versions, at the end of each caption.
    """
    curves = (
        f"From {ENOUGH} seeds on: interquartile mean over the seeds with its 95 % stratified bootstrap interval (arXiv "
        "2108.13264), as far as all seeds got; below: every seed's curve. All values are those of metrics.jsonl."
    )
    bytes_ = (
        f"{curves} Parameters of the rounds only: Q-values and gradients that cross to the mixer come on top in a "
        "federation, as do full_sharing's gradients in every training step. A method that sends none is a level line "
        "where it ended (the interquartile mean of its seeds)."
    )
    distances = (
        "Mean Euclidean distance between two agents' parameters as they come to the server, before they are "
        "aggregated, by parameter: thin each seed, thick their mean. After aggregation all agents hold the same, and "
        "it is 0. Personal parameters never come to the server, so their distances are unknown."
    )
    weights = "Weight of each agent in the last aggregation before an evaluation: thin each seed, thick their mean."
    cost = (
        "Each round's evaluation with the agents' own networks, just before they were aggregated, minus the evaluation "
        f"on the same episodes with the aggregate: above 0 aggregation costs, below 0 it helps. {curves}"
    )
    of_returns = f"Undiscounted return of an evaluation's episodes, mean. {curves}"
    score, head = score_of_all(methods), metric_of_all(methods).label.capitalize()
    leading, wins = figures.LEADING[score], score is Score.WIN_RATE
    found = [
        figures.curves_figure(
            "curves", head, f"{curves if wins else of_returns} {by}", methods, figures.ENV_STEPS, leading
        ),
        figures.curves_figure("bytes", f"{head} by what was sent", f"{bytes_} {by}", methods, figures.SENT, leading),
        figures.curves_figure(
            "seconds",
            f"{head} by time",
            f"{curves} Seconds compare only runs of one machine with equally much to do beside. {by}",
            methods,
            figures.SECONDS,
            leading,
        ),
        figures.curves_figure(
            "cost-won", "Cost of aggregation: win rate", f"{cost} {by}", methods, figures.ENV_STEPS, figures.WON_LOST
        ),
        figures.curves_figure(
            "cost-returns",
            "Cost of aggregation: return",
            f"{cost} {by}",
            methods,
            figures.ENV_STEPS,
            figures.RETURN_LOST,
        ),
        figures.metrics_figure(
            "weights", "Aggregation weights", f"{weights} {by}", methods, "fed/weight_", "weight of agent"
        ),
        figures.metrics_figure(
            "distances", "Distance between agents' networks", f"{distances} {by}", methods, "fed/distance/", "distance"
        ),
    ]
    if wins:  # else the first figure has the returns
        returns = "returns", "Return", f"{of_returns} {by}"
        found.insert(1, figures.curves_figure(*returns, methods, figures.ENV_STEPS, figures.RETURNED))
    return [figure for figure in found if figure is not None]


def html_page(report: Report) -> str:
    """Return the page, with markup, style, figures and their data in one text."""
    first, *rest = report.tables
    sections = [_table(first), *map(_figure, report.figures[:1]), *map(_table, rest), *map(_figure, report.figures[1:])]
    parts: list[Table | Figure] = [first, *report.figures[:1], *rest, *report.figures[1:]]
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in report.notes)
    return Template(_part("page.html")).substitute(
        title=html.escape(report.title),
        about=html.escape(report.about),
        style=_part("style.css"),
        contents=" ".join(f'<a href="#part-{part.name}">{html.escape(part.title)}</a>' for part in parts),
        notes=f'<section id="notes"><h2>To know</h2><ul>{notes}</ul></section>' if notes else "",
        sections="\n".join(sections),
        made=html.escape(report.made),
        data=_embedded(report.methods),
    )


def markdown_page(report: Report) -> str:
    """Return the report's texts and tables as Markdown."""
    notes = [f"- {note}" for note in report.notes]
    head = [f"# {report.title}", "", report.about, "", *notes, *([""] if notes else [])]
    return "\n".join([*head, *map(tables.markdown, report.tables), report.made, ""])


def _about(methods: Methods) -> str:
    runs = [run for by_name in methods.values() for members in by_name.values() for run in members]
    worlds = ", ".join(dict.fromkeys(run.world for run in runs))
    games = ", ".join(dict.fromkeys(run.game for run in runs if run.game)) or "unknown version"
    episodes = ", ".join(dict.fromkeys(str(run.episodes) for run in runs if run.episodes)) or "an unknown number of"
    starts = ", ".join(dict.fromkeys(run.starts for run in runs if run.starts))
    places = f" from {starts} places" if starts else ""
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{count} in the world {worlds} ({games}), evaluated by {episodes} greedy episodes{places} in training."


def _table(table: Table) -> str:
    return (
        f'<section id="part-{table.name}"><h2>{html.escape(table.title)}</h2>\n<div class="wide">{tables.html(table)}'
        f'</div>\n<p class="caption">{html.escape(table.caption)}</p></section>'
    )


def _figure(figure: Figure) -> str:
    named = figure.svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(figure.title)}" ', 1)
    return (
        f'<section id="part-{figure.name}"><figure id="figure-{figure.name}"><h2>{html.escape(figure.title)}</h2>\n'
        f"{named}\n<figcaption>{html.escape(figure.caption)}</figcaption></figure></section>"
    )


def _embedded(methods: Methods) -> str:
    """Return every run's rows as JSON, escaped for a script element."""
    document = [
        {"run": run.label, "map": map_, "method": method, "seed": run.seed, "rows": list(run.rows)}
        for map_, by_name in methods.items()
        for method, members in by_name.items()
        for run in members
    ]
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _part(name: str) -> str:
    return resources.files("fedqmix.analysis.reports").joinpath("template", name).read_text(encoding="utf-8")
