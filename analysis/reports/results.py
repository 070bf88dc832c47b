"""Results over several runs: scores (win rates or returns), improvement over the baselines, sample efficiency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedqmix.analysis.reports import statistics
from fedqmix.analysis.reports.runs import BEST, FINAL, OURS, Methods, Run, all_named, score_of_all
from fedqmix.analysis.reports.statistics import ENOUGH, Estimate, Scores
from fedqmix.runtime.core.world import Score
from fedqmix.server.records.scores import RETURN, WON

BASELINES = ("none", "full_sharing")
THRESHOLDS = (0.5, 0.9)
"""Win rates for which reports give the environment steps to reach them."""


@dataclass(frozen=True)
class Summary:
    """A score over seeds: interquartile mean and interval; mean and range below ENOUGH seeds."""

    seeds: int
    value: float
    low: float
    high: float

    @property
    def enough(self) -> bool:
        """Whether low and high are a 95 % interval, not the minimum and maximum of the seeds."""
        return self.seeds >= ENOUGH


@dataclass(frozen=True)
class Reached:
    """The environment steps to a win rate."""

    seeds: int  # seeds that reached it
    of: int  # all seeds
    median: float  # environment steps over all seeds; infinite where most never reached it


@dataclass(frozen=True)
class Returns:
    """Undiscounted returns of evaluations.

    area: mean return; better: as in MethodResult, of the mean return.
    """

    final: Summary
    area: Summary
    better: Mapping[str, Estimate]


@dataclass(frozen=True)
class MethodResult:
    """The results of one method on one map.

    scores: by FINAL and BEST. better: baseline -> probability that a run of the method has a higher final score.
    area: mean score over the environment steps common to all runs of the map. reached: by win rate; empty where the
    score is the return. returns: the final return, and the mean one over the same environment steps; None where runs do
    not record returns, and where these are the scores.
    """

    map: str
    method: str
    scores: Mapping[str, Summary]
    better: Mapping[str, Estimate]
    area: Summary
    reached: Mapping[float, Reached]
    returns: Returns | None


def baselines(methods: Methods) -> tuple[str, ...]:
    """Return the strategies that methods are compared with; none for named methods, which are all compared."""
    return () if all_named(methods) else BASELINES


def replayed(methods: Methods, which: str) -> bool:
    """Return whether all our runs' networks were played again, so that reports use these results."""
    ours = [run for by_name in methods.values() for runs in by_name.values() for run in runs if run.source == OURS]
    return bool(ours) and all(which in run.replayed for run in ours)


def score(run: Run, which: str, again: bool) -> float:
    """Return a run's FINAL or BEST score.

    again: of the networks played again if known, else as logged.
    """
    return run.replayed[which].score(run.score) if again and which in run.replayed else run.logged(which)


def scores(runs: Sequence[Run], which: str, again: bool) -> Scores:
    """Return the scores of several runs: [runs]."""
    return np.array([score(run, which, again) for run in runs])


def results(methods: Methods) -> list[MethodResult]:
    """Return a result for every map and method."""
    again = {which: replayed(methods, which) for which in (FINAL, BEST)}
    wins = score_of_all(methods) is Score.WIN_RATE
    thresholds = THRESHOLDS if wins else ()
    return [
        MethodResult(
            map_,
            method,
            {which: summary([scores(runs, which, again[which])]) for which in (FINAL, BEST)},
            _better([map_], methods, method, lambda some: scores(some, FINAL, again[FINAL])),
            summary([_areas(runs, runs[0].metric.mean, *common_range(by_name))]),
            {threshold: reached(runs, threshold) for threshold in thresholds},
            _returns(map_, by_name, method) if wins else None,
        )
        for map_, by_name in methods.items()
        for method, runs in by_name.items()
    ]


def over_all_maps(methods: Methods) -> list[tuple[str, Summary, Mapping[str, Estimate]]]:
    """Return each method's final score and improvement over all maps, stratified by map.

    Methods without runs on every map, or with fewer than ENOUGH seeds on one, are left out. Empty for a single map.
    """
    if len(methods) < 2:
        return []
    again, maps = replayed(methods, FINAL), list(methods)
    shared = [name for name in next(iter(methods.values())) if all(name in methods[map_] for map_ in maps)]
    return [
        (
            name,
            summary([scores(methods[map_][name], FINAL, again) for map_ in maps]),
            _better(maps, methods, name, lambda some: scores(some, FINAL, again)),
        )
        for name in shared
        if all(len(methods[map_][name]) >= ENOUGH for map_ in maps)
    ]


def summary(strata: Sequence[Scores]) -> Summary:
    """Summarise scores. strata: one [seeds] array per map."""
    seeds = min(map(len, strata))
    together = np.concatenate(strata)
    if seeds < ENOUGH:
        return Summary(seeds, float(together.mean()), float(together.min()), float(together.max()))
    return Summary(seeds, *map(float, statistics.iqm_interval(strata)))


def common_range(by_name: Mapping[str, Sequence[Run]]) -> tuple[float, float]:
    """Return the environment steps of the latest first and the earliest last evaluation."""
    columns = [run.column("env_step") for runs in by_name.values() for run in runs]
    return max(column[0] for column in columns), min(column[-1] for column in columns)


def baseline(by_name: Mapping[str, Sequence[Run]], method: str, strategy: str) -> str | None:
    """Return the one other method with a baseline's strategy and the same algorithm, else None."""
    own = by_name[method][0]
    found = [
        name
        for name, runs in by_name.items()
        if (runs[0].source, runs[0].algorithm, runs[0].strategy) == (own.source, own.algorithm, strategy)
    ]
    return found[0] if len(found) == 1 and found[0] != method else None


def _returns(map_: str, by_name: Mapping[str, Sequence[Run]], method: str) -> Returns | None:
    known = {name: runs for name, runs in by_name.items() if all(run.has(RETURN) for run in runs)}
    if method not in known:
        return None
    common = common_range(known)
    areas = _areas(known[method], RETURN, *common)
    final = np.array([run.column(RETURN)[-1] for run in known[method]])
    if np.isnan(areas).any():
        return Returns(summary([final]), summary([areas]), {})
    better = _better([map_], {map_: known}, method, lambda runs: _areas(runs, RETURN, *common))
    return Returns(summary([final]), summary([areas]), better)


def _better(
    maps: Sequence[str], methods: Methods, method: str, scores: Callable[[Sequence[Run]], Scores]
) -> dict[str, Estimate]:
    """Return the improvement over each baseline.

    scores: function from several runs to their scores, [runs].
    """
    found = {}
    for strategy in BASELINES:
        others = [baseline(methods[map_], method, strategy) for map_ in maps]
        if any(other is None for other in others):
            continue
        ours = [scores(methods[map_][method]) for map_ in maps]
        theirs = [scores(methods[map_][str(other)]) for map_, other in zip(maps, others, strict=True)]
        found[strategy] = improvement(ours, theirs)
    return found


def improvement(ours: Sequence[Scores], theirs: Sequence[Scores]) -> Estimate:
    """Return the probability that a run of ours is better than one of theirs; an interval from ENOUGH seeds on.

    ours, theirs: one [seeds] array per map.
    """
    if min(map(len, [*ours, *theirs])) >= ENOUGH:
        return statistics.improvement_interval(ours, theirs)
    nothing = np.array(np.nan)
    return Estimate(np.array(statistics.improvement(ours, theirs)), nothing, nothing)


def _areas(runs: Sequence[Run], metric: str, begin: float, end: float) -> Scores:
    if end < begin:  # one run ended before the first evaluation of another
        return np.full(len(runs), np.nan)
    return np.array(
        [statistics.area_under_curve(run.column("env_step"), run.column(metric), begin, end) for run in runs]
    )


def reached(runs: Sequence[Run], threshold: float, won: str = WON) -> Reached:
    """Return the environment steps to a win rate.

    threshold: the win rate. won: its key in a row.
    """
    steps = np.array([statistics.steps_to_reach(run.column("env_step"), run.column(won), threshold) for run in runs])
    middle = np.sort(steps)[[(len(steps) - 1) // 2, len(steps) // 2]].mean()  # np.median of two infinities is nan
    return Reached(int(np.isfinite(steps).sum()), len(steps), float(middle))
