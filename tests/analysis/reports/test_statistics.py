"""The statistics against computations of another kind: plain Python, every resample there is, scipy's own bootstrap."""

from __future__ import annotations

import itertools
import math
from statistics import fmean

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from fedqmix.analysis.reports import statistics

# Win rates in 320 episodes of two methods on two maps, as they come: with ties, and one seed that failed.
NEW = [np.array([0.95, 0.9, 0.975, 0.15, 0.875, 0.9]), np.array([0.6, 0.725, 0.5, 0.65, 0.7, 0.3])]
OLD = [np.array([0.9, 0.85, 0.9, 0.8, 0.1]), np.array([0.5, 0.55, 0.3, 0.65, 0.2])]

RATES = st.lists(st.integers(0, 32).map(lambda won: won / 32), min_size=1, max_size=9).map(np.array)


def plain_iqm(values: list[float]) -> float:
    values = sorted(values)
    cut = len(values) // 4
    return fmean(values[cut : len(values) - cut])


def plain_improvement(ours: list[list[float]], theirs: list[list[float]]) -> float:
    def beats(one: float, other: float) -> float:
        return 1.0 if one > other else 0.5 if one == other else 0.0

    return fmean(
        fmean(beats(*pair) for pair in itertools.product(one, other)) for one, other in zip(ours, theirs, strict=True)
    )


def weighted_percentile(values: list[float], share: float) -> float:
    """The smallest value below or at which so great a share of them lies."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def test_the_fixed_data_by_hand() -> None:
    """12 runs, three left out at each end: .6 .65 .7 .725 .875 .9 stay."""
    assert statistics.interquartile_mean(NEW) == pytest.approx((0.6 + 0.65 + 0.7 + 0.725 + 0.875 + 0.9) / 6)
    # map 1, pairs won of 30 (a tie half): .95 5, .9 4, .975 5, .15 1, .875 3, .9 4; map 2: .6 4, .725 5, .5 2.5,
    # .65 4.5, .7 5, .3 1.5
    assert statistics.improvement(NEW, OLD) == pytest.approx((22 / 30 + 22.5 / 30) / 2)
    assert statistics.improvement(NEW, OLD) == pytest.approx(plain_improvement(NEW, OLD))


def test_the_interval_of_one_map_is_that_of_all_resamples() -> None:
    """Five runs have 5^5 = 3125 resamples, few enough to go through; ours draws from them."""
    scores = [0.1, 0.3, 0.45, 0.8, 0.95]
    all_of_them = [plain_iqm(list(drawn)) for drawn in itertools.product(scores, repeat=5)]
    found = statistics.iqm_interval([np.array(scores)], resamples=4000)
    assert found.value == pytest.approx(plain_iqm(scores))
    for share, end in ((0.025, found.low), (0.975, found.high)):
        below, above = (weighted_percentile(all_of_them, share + step) for step in (-0.01, 0.01))
        assert below <= end <= above


def test_the_stratified_interval_is_that_of_scipy() -> None:
    """scipy draws within each sample too, and knows nothing of ours but the statistic."""
    result = scipy.stats.bootstrap(
        NEW,
        lambda one, other, axis: scipy.stats.trim_mean(np.concatenate([one, other], axis=axis), 0.25, axis=axis),
        method="percentile",
        n_resamples=9000,
        vectorized=True,
        random_state=1,
    )
    found = statistics.iqm_interval(NEW, resamples=9000)
    assert found.low == pytest.approx(result.confidence_interval.low, abs=0.015)
    assert found.high == pytest.approx(result.confidence_interval.high, abs=0.015)
    pooled = statistics.iqm_interval([np.concatenate(NEW)], resamples=9000)
    assert pooled.high - pooled.low > 1.02 * (found.high - found.low)  # strata are worth something


def test_the_improvement_interval_is_that_of_scipy() -> None:
    result = scipy.stats.bootstrap(
        [NEW[0], OLD[0]],
        lambda one, other: plain_improvement([list(one)], [list(other)]),
        method="percentile",
        n_resamples=4000,
        vectorized=False,
        random_state=2,
    )
    found = statistics.improvement_interval(NEW[:1], OLD[:1], resamples=4000)
    assert found.low == pytest.approx(result.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(result.confidence_interval.high, abs=0.03)


def test_a_curve_is_resampled_whole() -> None:
    """Two points that always sum to 1 do so in every resample, so their intervals mirror each other."""
    first = np.array([0.1, 0.2, 0.4, 0.7, 0.9, 1.0])
    found = statistics.iqm_interval([np.stack([first, 1 - first], axis=1)])
    assert found.value.sum() == pytest.approx(1)
    assert found.low[0] + found.high[1] == pytest.approx(1)
    assert found.high[0] + found.low[1] == pytest.approx(1)


@given(st.lists(RATES, min_size=1, max_size=3))
def test_iqm_is_the_mean_of_the_middle(strata: list[np.ndarray]) -> None:
    values = [float(value) for scores in strata for value in scores]
    assert statistics.interquartile_mean(strata) == pytest.approx(plain_iqm(values))


@settings(max_examples=25, deadline=None)
@given(st.lists(RATES, min_size=1, max_size=3))
def test_an_interval_lies_within_the_scores_and_is_repeatable(strata: list[np.ndarray]) -> None:
    found = statistics.iqm_interval(strata, resamples=50)
    least, most = min(map(np.min, strata)), max(map(np.max, strata))
    assert least - 1e-12 <= found.low <= found.high <= most + 1e-12
    assert statistics.iqm_interval(strata, resamples=50) == found


@given(st.lists(st.tuples(RATES, RATES), min_size=1, max_size=3))
def test_improvement_both_ways_is_one(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    there = statistics.improvement(ours, theirs)
    assert there == pytest.approx(plain_improvement([list(one) for one in ours], [list(one) for one in theirs]))
    assert there + statistics.improvement(theirs, ours) == pytest.approx(1)
    assert statistics.improvement(ours, ours) == pytest.approx(0.5)


def test_steps_to_reach() -> None:
    steps, rates = np.array([10.0, 20, 30, 40]), np.array([0.0, 0.5, 0.25, 1])
    reached = [statistics.steps_to_reach(steps, rates, threshold) for threshold in (0.25, 0.5, 0.75, 1.0)]
    assert reached == [20, 20, 40, 40]
    assert statistics.steps_to_reach(steps, rates / 2, 0.9) == math.inf


def test_area_under_a_curve() -> None:
    """From 15 to 40: a quarter at 15, a half at 20, a quarter at 30, one at 40."""
    steps, rates = np.array([10.0, 20, 30, 40]), np.array([0.0, 0.5, 0.25, 1])
    by_hand = (5 * (0.25 + 0.5) / 2 + 10 * (0.5 + 0.25) / 2 + 10 * (0.25 + 1) / 2) / 25
    assert statistics.area_under_curve(steps, rates, 15, 40) == pytest.approx(by_hand)
    assert statistics.area_under_curve(steps, rates, 40, 40) == 1
    assert statistics.area_under_curve(steps, np.full(4, 0.3), 12, 33) == pytest.approx(0.3)


def test_a_win_rate_of_few_episodes_is_uncertain() -> None:
    """Wilson's formula, written out for 24 of 32."""
    z, n, p = 1.959963984540054, 32, 0.75
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
    assert statistics.win_rate_interval(24, 32) == pytest.approx(expected)
