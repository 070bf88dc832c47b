"""The table of a ladder: its figures worked out by hand, its rows, and the pictures beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedqmix.analysis.benchmarks.difficulty import CLASSES, by_difficulty, difficulty, rank
from fedqmix.analysis.reports import ladder
from fedqmix.analysis.reports.tables import markdown
from fedqmix.envs.maps import available_maps
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.runs.collecting.folder import collect
from support.run_folders import run, write_run

LEVELS = {map_: difficulty(map_) for map_ in by_difficulty(available_maps())}
WON = [0.0, 0.5, 0.4, 1.0, 0.9, 0.4, 0.8, 0.85, 0.9, 0.7, 0.3]


def rung(*runs: Any) -> ladder.Rung:
    (found,) = ladder.rungs(runs, LEVELS)
    return found


def test_the_figures_of_one_run() -> None:
    """Evaluations every 1,000 steps; after the fourth, the first with 90 %: 0.9 0.4 0.8 0.85 0.9 0.7 0.3."""
    found = rung(run(WON, strategy="full_sharing", experiment="tuned"))
    assert (found.map, found.level, found.recipe, found.seeds) == ("3m", "(easy)", "qmix full_sharing tuned", 1)
    assert found.env_steps == 11_000
    assert found.reached == {0.5: 2000, 0.9: 4000}
    assert found.end.value == pytest.approx((0.7 + 0.3) / 2)  # a tenth of eleven, rounded up
    assert found.lost == pytest.approx(2 / 7)
    assert found.kept == pytest.approx(3 / 7)
    assert (found.seconds, found.env_steps_a_second) == (110, 100)


def test_several_seeds_are_one_row_with_medians() -> None:
    never, late = [0.0] * 9 + [0.5], [0.0] * 8 + [0.9, 0.3]
    found = rung(run(WON, seed=1), run(never, seed=2), run(late, seed=3))
    assert (found.seeds, found.env_steps) == (3, 10_000)
    assert found.reached == {0.5: 9000, 0.9: 9000}
    assert (found.end.value, found.end.low, found.end.high) == pytest.approx(((0.5 + 0.5 + 0.3) / 3, 0.3, 0.5))
    assert found.lost == pytest.approx((2 / 7 + 1) / 2)  # of the two that ever won 90 %
    none = rung(run([0.2], seed=1), run([1.0], seed=2))
    assert (none.lost, none.kept) == (None, None)


def test_from_five_seeds_on_there_is_an_interval() -> None:
    found = rung(*(run([0.0, won], seed=seed) for seed, won in enumerate([0.0, 0.5, 0.5, 0.5, 1.0])))
    assert found.end.enough
    assert found.end.low < found.end.value == 0.5 < found.end.high


def test_recipes_are_rows_of_their_own_and_a_setting_is_named_only_where_it_differs_on_the_map() -> None:
    wide, narrow = {"model.hidden": 256}, {"model.hidden": 64}
    runs = [
        run(WON, map="3m", settings=narrow, experiment="tuned"),
        run(WON, map="3s5z_vs_3s6z", settings=wide, experiment="tuned"),
        run(WON, map="MMM2", settings=narrow, experiment="tuned"),
        run(WON, map="MMM2", settings=wide, experiment="tuned"),
        run(WON, map="MMM2", settings=narrow, experiment="tuned", strategy="none"),
        run(WON, map="MMM2", settings=narrow, experiment="quick"),
    ]
    assert [(one.map, one.recipe) for one in ladder.rungs(runs, LEVELS)] == [
        ("3m", "qmix a_pps tuned"),
        ("3s5z_vs_3s6z", "qmix a_pps tuned"),
        ("MMM2", "qmix a_pps quick"),
        ("MMM2", "qmix a_pps tuned, hidden=64"),
        ("MMM2", "qmix a_pps tuned, hidden=256"),
        ("MMM2", "qmix none tuned"),
    ]


def test_evaluations_of_another_kind_are_another_row() -> None:
    found = ladder.rungs([run(WON, episodes=32), run(WON, episodes=8, seed=2)], LEVELS)
    assert [one.recipe for one in found] == ["qmix a_pps, episodes=32", "qmix a_pps, episodes=8"]


def test_both_kinds_of_starts_are_rows_where_both_were_measured() -> None:
    """From fixed starts the same run won from its second evaluation on; from varied ones as WON says."""
    fixed = [0.0] + [1.0] * (len(WON) - 1)
    judged = run(WON, starts="varied")
    rows = [{**row, "test_fixed_battle_won_mean": won} for row, won in zip(judged.rows, fixed, strict=True)]
    first, second = ladder.rungs([replace(judged, rows=rows)], LEVELS)
    assert (first.starts, first.reached[0.9], first.end.value) == ("varied", 4000, pytest.approx(0.5))
    assert (second.starts, second.reached[0.9], second.end.value) == ("fixed", 2000, 1.0)
    assert (second.lost, second.kept) == (0.0, 1.0)
    assert rung(judged).starts == "varied"


def test_the_easiest_class_comes_first_and_every_map_has_a_place() -> None:
    assert len(LEVELS) == 23
    ranks = [rank(map_) for map_ in LEVELS]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(len(CLASSES)))
    assert next(iter(LEVELS)) == "2s_vs_1sc"
    assert {"3s5z_vs_3s6z", "6h_vs_8z", "27m_vs_30m", "MMM2", "corridor"} == set(list(LEVELS)[-5:])


def test_published_figures_are_of_maps_that_exist_and_stand_beside_ours_as_another_world() -> None:
    known = ladder.published()
    for kind in ("tuned_per_map", "one_setting"):
        assert set(known[kind]) <= set(LEVELS)
        assert all(0 <= rate <= 100 for rate in known[kind].values())
    found = ladder.rungs([run(WON, map="6h_vs_8z"), run(WON, map="3m")], LEVELS)
    text = markdown(ladder.table(found, "fedqmix ladder"))
    first, second = (line.split(" | ") for line in text.splitlines() if line.startswith(("| 3m ", "| 6h_vs_8z ")))
    assert (first[-2:], second[-2:]) == (["-", "- |"], ["0.93", "0.84 |"])
    for words in ("another world, SC2 4.10: tuned per map", "arXiv 2102.03479", "https://github.com/hijkzzz/pymarl2"):
        assert words in text


def test_json_has_null_for_what_never_was() -> None:
    (found,) = json.loads(json.dumps(ladder.document([rung(run([0.6, 0.6]))]), allow_nan=False))
    assert (found["reached"], found["lost"]) == ({"0.5": 1000, "0.9": None}, None)


def test_a_panel_a_map_in_the_order_of_the_table() -> None:
    maps = ["MMM2", "3m", "2s_vs_1sc", "25m"]
    figure = ladder.picture([run(WON, map=map_) for map_ in maps], LEVELS, "fedqmix ladder")
    assert figure is not None
    places = [figure.svg.index(f">{map_}, qmix<") for map_ in ("2s_vs_1sc", "3m", "25m", "MMM2")]
    assert places == sorted(places)
    assert ladder.picture([], LEVELS, "") is None


@pytest.mark.slow
def test_the_table_alone_is_made_of_folders_and_files_each_run_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, data, out = tmp_path / "ladder", tmp_path / "data", tmp_path / "out"
    for place, words in (("3m/a", ["map=3m"]), ("8m/a", ["map=8m"])):
        collect(write_run(folder / place, WON[:4], *words), data)
    write_run(folder / "MMM2" / "a", [0.1], "map=MMM2")
    call = ["ladder", "--table", f"run_dir={folder}", f"data={data}", f"out={out}"]
    assert main([*call, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [(one["map"], one["seeds"], one["env_steps"]) for one in found] == [
        ("3m", 1, 4000),
        ("8m", 1, 4000),
        ("MMM2", 1, 1000),
    ]
    assert main(call) == 0
    assert capfd.readouterr().out.splitlines()[0] == "## Win rates by map"
    assert "](ladder.svg)" in (out / "ladder.md").read_text()
    assert (out / "ladder.svg").stat().st_size > 5000
    assert not (folder / "ladder.json").exists()
    (tmp_path / "nothing").mkdir()
    assert main(["ladder", "--table", f"run_dir={tmp_path / 'nothing'}"]) == 0
    assert "there is no table" in capfd.readouterr().err


def test_one_seed_twice_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for place in ("a", "b"):
        write_run(tmp_path / "ladder" / place, WON, "env=smac", "env.games=2" if place == "a" else "env.games=3")
    assert main(["ladder", "--table", f"run_dir={tmp_path / 'ladder'}"]) == 0  # one name: the same run, once
    capfd.readouterr()
    collect(tmp_path / "ladder" / "a", tmp_path / "data")
    (path,) = (tmp_path / "data").iterdir()
    path.rename(path.with_name("renamed.tar.xz"))
    assert main(["ladder", "--table", f"run_dir={tmp_path / 'ladder'}", f"data={tmp_path / 'data'}"]) == 2
    assert "are both seed 1" in capfd.readouterr().err
