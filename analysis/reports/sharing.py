"""The tables of a comparison of named methods: what sharing costs and reaches, and which method is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fedqmix.analysis.reports.cells import INTERVALS, NOTHING, chance, rate
from fedqmix.analysis.reports.results import MethodResult, Summary, improvement, replayed, scores
from fedqmix.analysis.reports.runs import FINAL, Methods, Run, all_named, metric_of_all
from fedqmix.analysis.reports.tables import TIES, Table, measured

BYTES = ("fed/bytes_up", "fed/bytes_down")


@dataclass(frozen=True)
class Anchors:
    """The mean returns of two hand-written policies in a task, and the episodes that each played.

    centre: goes where an agent without an identity does best. lookahead: knows its goal.
    """

    centre: float
    lookahead: float
    episodes: int

    def normalised(self, summary: Summary) -> Summary:
        """Return s = (R - R_centre) / (R_lookahead - R_centre) for a mean return and its interval."""
        value, low, high = (
            (one - self.centre) / (self.lookahead - self.centre) for one in (summary.value, summary.low, summary.high)
        )
        return replace(summary, value=value, low=low, high=high)


def sharing(found: Sequence[MethodResult], methods: Methods, anchors: Mapping[str, Anchors]) -> Table | None:
    """Return the table of sizes, bytes and scores of named methods; None for others.

    anchors: by task, of the tasks that have them.
    """
    if not all_named(methods):
        return None
    label = metric_of_all(methods).label
    rows = [
        [
            result.map,
            result.method,
            *_sizes(methods[result.map][result.method]),
            _bytes_a_round(methods[result.map][result.method]),
            rate(result.scores[FINAL]),
            *([_normalised(result, anchors)] if anchors else []),
        ]
        for result in found
    ]
    return Table(
        "sharing",
        "What is shared",
        "Trained parameters: all numbers of the agents' networks that training changes, each counted once, however "
        "many agents hold it; of one network: the numbers of one network, with sub-networks those of their root. They "
        "are counted from the newest checkpoint. Bytes a round: parameters to and from all agents, evaluations "
        "included; the gradients that full sharing and strategy.every_step exchange in every training step come on "
        f"top, and so does the search for clusters. {measured(methods, FINAL)} {INTERVALS}{_told(anchors)}",
        [
            *("task", "method", "trained parameters", "of one network", "bytes a round", f"final {label}"),
            *(["normalised"] if anchors else []),
        ],
        rows,
    )


def pairs(methods: Methods) -> Table | None:
    """Return the table of the probability that one named method is better than another; None for others."""
    names = list(dict.fromkeys(name for by_name in methods.values() for name in by_name))
    if not all_named(methods) or len(names) < 2:
        return None
    again = replayed(methods, FINAL)
    rows = [
        [
            task,
            name,
            *(
                NOTHING
                if other == name or other not in by_name
                else chance(improvement([scores(runs, FINAL, again)], [scores(by_name[other], FINAL, again)]))
                for other in names
            ),
        ]
        for task, by_name in methods.items()
        for name, runs in by_name.items()
    ]
    return Table(
        "better",
        "Which method is better",
        "P(better than ...): the probability that a run of the row's method has a higher final "
        f"{metric_of_all(methods).label} than a run of the column's, {TIES}",
        ["task", "method", *(f"than {name}" for name in names)],
        rows,
    )


def _sizes(runs: Sequence[Run]) -> list[str]:
    """Return the numbers of trained parameters and of one network's; a range where clusters differ by seed."""
    sizes = [run.size for run in runs if run.size is not None]
    return [_range([size.trained for size in sizes]), _range([size.network for size in sizes])]


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return NOTHING
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _bytes_a_round(runs: Sequence[Run]) -> str:
    """Return the mean bytes of a run's rounds, up and down."""
    known = [run.rows[-1] for run in runs if all(run.has(key) for key in BYTES) and run.rows[-1].get("round", 0)]
    shares = [sum(float(row[key]) for key in BYTES) / float(row["round"]) for row in known]
    return f"{sum(shares) / len(shares):,.0f}" if shares else NOTHING


def _normalised(result: MethodResult, anchors: Mapping[str, Anchors]) -> str:
    own = anchors.get(result.map)
    return NOTHING if own is None else rate(own.normalised(result.scores[FINAL]))


def _told(anchors: Mapping[str, Anchors]) -> str:
    """Return the sentences on normalised scores."""
    if not anchors:
        return ""
    each = "; ".join(
        f"{task}: {own.centre:.1f} and {own.lookahead:.1f} ({own.episodes:,} episodes each)"
        for task, own in anchors.items()
    )
    return (
        " Normalised: s = (R - R_centre) / (R_lookahead - R_centre), so 0 is the best without an identity, and 1 a "
        f"team that knows its goals (docs/bps.md). R_centre and R_lookahead: {each}."
    )
