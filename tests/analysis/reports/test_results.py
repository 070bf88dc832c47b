"""What the tables say, worked out by hand from made-up evaluations."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fedqmix.analysis.reports import statistics, tables
from fedqmix.analysis.reports.results import over_all_maps, results
from fedqmix.analysis.reports.runs import BEST, FINAL, Replayed, by_method
from fedqmix.runtime.core.world import Score
from support.run_folders import run

NONE = [run([0.0, 0.25, last], strategy="none", seed=seed) for seed, last in enumerate((0, 0.25, 0.5, 0.5, 1), start=1)]
OURS = [run([0.5, 1, last], seed=seed) for seed, last in enumerate((0.5, 0.75, 0.75, 1, 1), start=1)]


def of(runs, method):
    return next(result for result in results(by_method(runs)) if result.method == method)


def test_win_rates_and_improvement():
    result = of([*NONE, *OURS], "qmix-a_pps")
    # of five, one is left out at each end
    assert result.scores[FINAL].value == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert result.scores[BEST].value == 1
    # pairs won of 25: .5 2 + 2/2, .75 4, .75 4, 1 4.5, 1 4.5
    assert set(result.better) == {"none"}
    assert float(result.better["none"].value) == pytest.approx(20 / 25)
    assert result.scores[FINAL].enough
    interval = statistics.iqm_interval([statistics.np.array([0.5, 0.75, 0.75, 1, 1])])
    assert (result.scores[FINAL].low, result.scores[FINAL].high) == (interval.low, interval.high)
    assert of([*NONE, *OURS], "qmix-none").better == {}


def test_below_five_seeds_there_is_no_interval():
    result = of([*NONE, *OURS[1:]], "qmix-a_pps")
    summary = result.scores[FINAL]
    assert not summary.enough
    assert (summary.value, summary.low, summary.high) == (pytest.approx(3.5 / 4), 0.75, 1)
    assert math.isnan(result.better["none"].low)
    assert tables.rate(summary) == "0.875 (0.750 to 1.000)"
    assert tables.chance(result.better["none"]) == "0.85"


def test_sample_efficiency():
    """Evaluations at 1000, 2000, 3000 steps; the curve of one run is 0, .25, last."""
    result = of(NONE, "qmix-none")
    areas = sorted((0.125 + (0.25 + last) / 2) / 2 for last in (0, 0.25, 0.5, 0.5, 1))
    assert result.area.value == pytest.approx(sum(areas[1:4]) / 3)
    half, most = result.reached[0.5], result.reached[0.9]
    assert (half.seeds, half.of, half.median) == (3, 5, 3000)
    assert (most.seeds, most.of, most.median) == (1, 5, math.inf)
    assert tables.steps(most.median) == "not"
    assert tables.steps(half.median) == "3,000"


def test_returns_tell_methods_apart_that_win_nothing():
    """The made-up return is 20 times the win rate."""
    result = of([*NONE, *OURS], "qmix-a_pps").returns
    assert result is not None
    assert result.final.value == pytest.approx(20 * (0.75 + 0.75 + 1) / 3)
    # every area of ours, (1.5 / 2 + (1 + last) / 2) / 2 >= .75, is above every other's, at most .375
    assert {name: float(chance.value) for name, chance in result.better.items()} == {"none": 1}
    assert of([*NONE, *OURS], "qmix-none").returns.area.value == pytest.approx(20 * (0.1875 + 0.25 + 0.25) / 3)
    (table,) = [tables.returns(results(by_method([*NONE, *OURS])))]
    assert [row[:2] for row in table.rows] == [["3m", "qmix-a_pps"], ["3m", "qmix-none"]]


def test_who_tells_no_returns_hides_nobody_elses():
    silent = run([0.5, 0.5], strategy="full_sharing", seed=1)
    for row in silent.rows:
        del row["test_return_mean"]
    assert of([*OURS, silent], "qmix-full_sharing").returns is None
    assert of([*OURS, silent], "qmix-a_pps").returns.better == {}
    assert tables.returns(results(by_method([silent]))) is None


def test_the_area_is_that_of_the_steps_all_have():
    """One run ends early: the others are cut there, and not counted on."""
    short = run([0.5, 0.5], strategy="vdn", seed=9)
    result = of([*OURS, short], "qmix-a_pps")
    assert result.area.value == pytest.approx(0.75)


def test_runs_without_common_steps_have_no_area():
    late = run([0.5, 0.5], strategy="vdn", seed=9, every=5000)
    result = of([*OURS, late], "qmix-a_pps")
    assert math.isnan(result.area.value)
    assert tables.rate(result.area) == "-"


def in_returns(one, **more):
    """Return a run as if nothing could be won; its returns are 20 times the win rates, minus 100."""
    rows = [
        {name: value for name, value in row.items() if "won" not in name}
        | {"test_return_mean": row["test_return_mean"] - 100}
        for row in one.rows
    ]
    return replace(one, rows=rows, score=Score.RETURN, **more)


def test_without_wins_the_returns_are_the_scores():
    """Returns of 20 times the win rate minus 100 order the runs alike, so all statistics follow from the win rates'."""
    methods = by_method([in_returns(one) for one in [*NONE, *OURS]])
    by_wins, found = of([*NONE, *OURS], "qmix-a_pps"), results(methods)
    (ours,) = (one for one in found if one.method == "qmix-a_pps")
    for which in (FINAL, BEST):
        assert ours.scores[which].value == pytest.approx(20 * by_wins.scores[which].value - 100)
    assert ours.area.value == pytest.approx(20 * by_wins.area.value - 100)
    assert float(ours.better["none"].value) == float(by_wins.better["none"].value)
    assert (ours.reached, ours.returns) == ({}, None)
    scores, efficiency = tables.scores(found, methods), tables.sample_efficiency(found, methods)
    assert (scores.name, scores.title, scores.heads[3:5]) == ("returns", "Returns", ["final return", "best return"])
    assert efficiency.heads == ["map", "method", "mean return", "MB", "seconds"]
    assert tables.returns(found) is None
    texts = " ".join([scores.caption, *scores.heads, efficiency.caption, tables.runs(methods).caption])
    assert "win rate" not in texts
    assert "Wilson" not in texts
    assert 'class="number">-' in tables.html(scores)


def test_returns_that_were_played_again_have_their_interval():
    replay = Replayed("c", 2, 100, 0, -81.0, -83.5, -78.25)
    again = [in_returns(run([0.5, 0.5], seed=seed), replayed={FINAL: replay}) for seed in (1, 2)]
    (result,) = results(by_method(again))
    assert (result.scores[FINAL].value, result.scores[BEST].value) == (-81.0, -90.0)
    assert tables.runs(by_method(again)).rows[0][-2] == "-81.000 [-83.500, -78.250] (round 2)"


def test_networks_that_were_played_again_count_when_all_were():
    again = [run([0.5, 0.5], seed=seed, replayed={FINAL: Replayed("c", 2, 100, 80, 1.0)}) for seed in (1, 2)]
    assert of(again, "qmix-a_pps").scores[FINAL].value == 0.8
    assert of(again, "qmix-a_pps").scores[BEST].value == 0.5
    assert of([*again, run([0.5], seed=3)], "qmix-a_pps").scores[FINAL].value == 0.5


def test_all_maps_together_are_strata():
    elsewhere = [run([last / 2], map="2s3z", seed=one.seed) for one in OURS for last in [one.logged(FINAL)]]
    ((name, summary, better),) = over_all_maps(by_method([*OURS, *elsewhere, *NONE]))
    assert name == "qmix-a_pps"
    assert better == {}  # none was not run on 2s3z
    # .25 .375 .375 .5 .5 | .5 .75 .75 1 1: two left out at each end
    assert summary.value == pytest.approx((0.375 + 0.5 + 0.5 + 0.5 + 0.75 + 0.75) / 6)
    assert over_all_maps(by_method(OURS)) == []
    assert over_all_maps(by_method([*OURS, *elsewhere[1:]])) == []


def test_settings_that_differ_are_listed():
    runs = [run([0.5], strategy="none", settings={"a": 1, "b": 2}), run([0.5], settings={"a": 1, "b": 3})]
    table = tables.differences(by_method(runs))
    assert table is not None
    assert table.heads == ["setting", "qmix-a_pps", "qmix-none"]
    assert table.rows == [["b", "3", "2"]]
    assert tables.differences(by_method(runs[:1])) is None


def test_markdown_cells_stay_in_their_columns():
    table = tables.Table("t", "T", "c", ["a"], [["x|y"]])
    assert "| x\\|y |" in tables.markdown(table)
    assert "&lt;" in tables.html(tables.Table("t", "T", "c", ["a"], [["<b>"]]))
