"""Statistics over few runs, after Agarwal et al. 2021, "Deep RL at the Edge of the Statistical Precipice"
(arXiv 2108.13264): interquartile mean, stratified bootstrap intervals, probability of improvement.

Scores are one array per stratum (map): the first axis is runs (seeds), further axes are the points of a curve. Strata
may hold different numbers of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata, trim_mean

from fedqmix.runtime.core import seeds

Scores = NDArray[np.float64]
Strata = Sequence[Scores]

ENOUGH = 5
"""Fewest seeds for an interval: a bootstrap of fewer is not informative."""
RESAMPLES = 2000
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A value and its 95 % interval; single numbers, or one per point of a curve."""

    value: Scores
    low: Scores
    high: Scores


def interquartile_mean(strata: Strata) -> Scores:
    """Return the mean of the middle half of all runs (Agarwal et al. 2021, section 4.3).

    strata: [runs, ...] each. Returns [...]. A quarter of the runs, rounded down, is left out at each end; below four
    runs the result is the mean.
    """
    return _interquartile_mean(strata, runs=0)


def iqm_interval(strata: Strata, resamples: int = RESAMPLES) -> Estimate:
    """Return the interquartile mean with its stratified bootstrap interval (section 4.1).

    strata: [runs, ...] each. Every resample draws whole runs with replacement within their stratum. Returns [...] each;
    the interval's ends are percentiles of the resamples. The draws are the same in every call.
    """
    drawn = _interquartile_mean(_resampled(strata, resamples, "report.runs"), runs=1)
    return _estimate(interquartile_mean(strata), drawn)


def improvement(ours: Strata, theirs: Strata) -> float:
    """Return the probability that a run of ours beats one of theirs, averaged over the maps.

    P(X > Y) of section 4.3, where a tie counts half: the Mann-Whitney U of each map divided by the number of pairs.
    ours, theirs: [runs] per map, in the same order of maps. Returns 0 .. 1; 0.5 means no difference.
    """
    return float(_improvement(ours, theirs))


def improvement_interval(ours: Strata, theirs: Strata, resamples: int = RESAMPLES) -> Estimate:
    """Return the probability of improvement with its interval, from resamples of both sides."""
    sides = _resampled(ours, resamples, "report.ours"), _resampled(theirs, resamples, "report.theirs")
    return _estimate(_improvement(ours, theirs), _improvement(*sides))


def steps_to_reach(env_steps: Scores, win_rates: Scores, threshold: float) -> float:
    """Return the environment step of the first win rate >= threshold; infinity if none is.

    env_steps, win_rates: [evaluations].
    """
    reached = np.flatnonzero(win_rates >= threshold)
    return float(env_steps[reached[0]]) if reached.size else np.inf


def area_under_curve(env_steps: Scores, values: Scores, begin: float, end: float) -> float:
    """Return the mean of a curve between two environment steps (trapezoidal rule).

    env_steps, values: [evaluations]. begin, end: environment steps within the range of env_steps. Returns a mean in the
    unit of the values.
    """
    if end <= begin:
        return float(np.interp(begin, env_steps, values))
    inside = (env_steps > begin) & (env_steps < end)
    places = np.concatenate([[begin], env_steps[inside], [end]])
    return float(np.trapezoid(np.interp(places, env_steps, values), places) / (end - begin))


def win_rate_interval(won: int, episodes: int) -> tuple[float, float]:
    """Return the 95 % interval of a win rate that the number of episodes implies (Wilson 1927)."""
    interval = binomtest(won, episodes).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Scores) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean. values: [episodes]; the draws are the same in every call."""
    (drawn,) = _resampled([np.asarray(values, np.float64)], RESAMPLES, "report.episodes")
    found = _estimate(np.asarray(values.mean()), drawn.mean(-1))
    return float(found.low), float(found.high)


def _interquartile_mean(strata: Strata, runs: int) -> Scores:
    """Return the interquartile mean over one axis. runs: the axis of the runs."""
    middle: Scores = np.asarray(trim_mean(np.concatenate(strata, axis=runs), 0.25, axis=runs))
    return middle


def _improvement(ours: Strata, theirs: Strata) -> Scores:
    """Return the probability of improvement: [..., runs] per map -> [...]."""
    by_map = [_beats(one, other) for one, other in zip(ours, theirs, strict=True)]
    return np.asarray(np.mean(by_map, axis=0))


def _beats(ours: Scores, theirs: Scores) -> Scores:
    """Return Mann-Whitney U / pairs, from ranks along the last axis; ties have mean ranks."""
    n, k = ours.shape[-1], theirs.shape[-1]
    ranks = rankdata(np.concatenate([ours, theirs], axis=-1), axis=-1)
    u: Scores = ranks[..., :n].sum(-1) - n * (n + 1) / 2
    shares: Scores = u / (n * k)
    return shares


def _estimate(value: Scores, drawn: Scores) -> Estimate:
    """Return a value with its percentile interval. drawn: [resamples, ...], the statistics."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    return Estimate(value, low, high)


def _resampled(strata: Strata, resamples: int, role: str) -> list[Scores]:
    """Resample runs within each stratum: [runs, ...] each -> [resamples, runs, ...] each."""
    drawn = []
    for number, scores in enumerate(strata):
        runs = len(scores)
        drawn.append(scores[seeds.generator(0, role, number).integers(runs, size=(resamples, runs))])
    return drawn
