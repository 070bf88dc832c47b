"""Tables of named methods, worked out by hand from made-up evaluations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fedqmix.analysis.reports import page, sharing
from fedqmix.analysis.reports.agreement import require_alike
from fedqmix.analysis.reports.results import Summary, results
from fedqmix.analysis.reports.runs import Run, TeamSize, by_method
from fedqmix.analysis.reports.sharing import Anchors
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Score
from support.run_folders import run

ANCHORS = {"mini": Anchors(-300.0, -100.0, 1000)}


def named(method: str, returns: float, seed: int, *, task: str = "mini", **more: object) -> Run:
    """Return a run of a named method with two evaluations, the last of `returns`, in rounds 1 and 2."""
    one = run([0.0, 0.0], seed=seed, strategy="seps", task=task, method=method, score=Score.RETURN, **more)
    rows = [
        {"env_step": 1000 * k, "round": k, "elapsed_s": 1.0, "test_return_mean": earned}
        | {"fed/bytes_up": 300.0 * k, "fed/bytes_down": 500.0 * k}
        for k, earned in ((1, -300.0), (2, returns))
    ]
    return replace(one, rows=rows, label=f"{task}/{method}-s{seed}")


def test_a_normalised_score_is_0_at_the_centre_and_1_with_lookahead() -> None:
    found = ANCHORS["mini"].normalised(Summary(5, -150.0, -300.0, -100.0))
    assert found == Summary(5, 0.75, 0.0, 1.0)


def test_the_table_has_sizes_bytes_and_scores() -> None:
    runs = [
        named("adaps", -200.0, 1, size=TeamSize(70, 100)),
        named("adaps", -100.0, 2, size=TeamSize(80, 100)),
        named("nops", -300.0, 1, size=TeamSize(600, 100)),
        named("fups", -300.0, 1),
    ]
    methods = by_method(runs)
    table = sharing.sharing(results(methods), methods, ANCHORS)
    assert table is not None
    heads = ["task", "method", "trained parameters", "of one network", "bytes a round", "final return", "normalised"]
    assert table.heads == heads
    assert table.rows == [
        ["mini", "adaps", "70 to 80", "100", "800", "-150.000 (-200.000 to -100.000)", "0.750 (0.500 to 1.000)"],
        ["mini", "fups", "-", "-", "800", "-300.000", "0.000"],
        ["mini", "nops", "600", "100", "800", "-300.000", "0.000"],
    ]
    assert "mini: -300.0 and -100.0 (1,000 episodes each)" in table.caption
    without = sharing.sharing(results(methods), methods, {})
    assert without is not None
    assert without.heads == heads[:-1]


def test_each_method_is_compared_with_each_in_its_task() -> None:
    """Of six pairs seps has the higher return in four, and one is a tie."""
    runs = [named("seps", earned, seed) for seed, earned in enumerate((-1.0, -3.0, -5.0), start=1)]
    runs += [named("nops", earned, seed) for seed, earned in enumerate((-4.0, -5.0), start=1)]
    runs += [named("seps", -1.0, 1, task="other")]
    table = sharing.pairs(by_method(runs))
    assert table is not None
    assert table.heads == ["task", "method", "than nops", "than seps"]
    assert table.rows == [
        ["mini", "nops", "-", "0.25"],
        ["mini", "seps", "0.75", "-"],
        ["other", "seps", "-", "-"],
    ]


def test_five_seeds_have_an_interval() -> None:
    runs = [named("seps", float(seed), seed) for seed in range(1, 6)]
    table = sharing.pairs(by_method([*runs, *(named("nops", seed - 9.0, seed) for seed in range(1, 6))]))
    assert table is not None
    assert [row[2:] for row in table.rows] == [["-", "0.00 [0.00, 0.00]"], ["1.00 [1.00, 1.00]", "-"]]


def test_reports_without_names_are_as_they_were() -> None:
    plain = [run([0.5], strategy=strategy) for strategy in ("none", "a_pps")]
    methods = by_method([*plain, run([0.5], strategy="seps", task="3m", method="seps")])
    assert set(methods["3m"]) == {"qmix-none", "qmix-a_pps", "seps"}
    assert sharing.sharing(results(methods), methods, {}) is None
    assert sharing.pairs(methods) is None
    report = page.compose(methods, [], "fedqmix report", {})
    assert "P(better than none)" in report.tables[0].heads
    own = page.compose(by_method([named("seps", 1.0, 1), named("nops", 0.0, 1)]), [], "fedqmix report", {})
    assert own.tables[0].heads == ["map", "method", "seeds", "final return", "best return"]
    assert [table.name for table in own.tables[:3]] == ["returns", "sharing", "better"]


def test_settings_in_which_runs_of_a_method_differ_are_in_its_name() -> None:
    """The clusters of the true types differ by task; another keep in one task makes another method."""
    apart = [named("oracle", 1.0, 1, settings={"strategy.clusters": [[0, 1]]})]
    apart += [named("oracle", 1.0, 1, task="other", settings={"strategy.clusters": [[0], [1]]})]
    assert {name for by_name in by_method(apart).values() for name in by_name} == {"oracle"}
    varied = [named("adaps", 1.0, 1, settings={"strategy.keep": keep}) for keep in (0.3, 0.7)]
    assert set(by_method(varied)["mini"]) == {"adaps, keep=0.3", "adaps, keep=0.7"}


def test_named_tasks_may_be_different_worlds_and_one_task_may_not() -> None:
    mini = named("seps", 1.0, 1, world_settings={"env.groups": 3})
    require_alike([mini, named("seps", 1.0, 1, task="other", world_settings={"env.groups": 5}, episodes=8)])
    with pytest.raises(ConfigurationError, match=r"they differ in env\.groups: 3 in mini/seps-s1; 5 in mini/nops-s1"):
        require_alike([mini, named("nops", 1.0, 1, world_settings={"env.groups": 5})])
    with pytest.raises(ConfigurationError, match="they differ in score"):
        require_alike([mini, replace(named("seps", 1.0, 1, task="other"), score=Score.WIN_RATE)])
    with pytest.raises(ConfigurationError, match=r"they differ in env\.groups"):  # a run of the map that the task is
        require_alike([mini, run([0.5], map="mini", score=Score.RETURN, world_settings={"env.groups": 5})])
