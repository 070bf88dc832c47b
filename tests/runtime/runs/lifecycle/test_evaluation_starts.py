"""evaluation.starts in whole runs: which episodes are played, under which names, and what does not depend on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.analysis.reports.runs import FINAL
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.runs.reporting.playing_again import play_again
from fedqmix.runtime.runs.reporting.reading import read_run
from support.compared import rows

TINY = ["experiment=smoke", "map=8m", "stop.env_steps=1500", "evaluation.every_env_steps=200", "evaluation.episodes=6"]
MEASURED = ("test_battle_won_mean", "test_return_mean", "test_return_std", "test_ep_length_mean")
FIXED = {
    "test_fixed_battle_won_mean": "test_battle_won_mean",
    "test_fixed_return_mean": "test_return_mean",
    "test_fixed_return_std": "test_return_std",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three runs that differ in evaluation.starts alone."""
    folder = tmp_path_factory.mktemp("starts")
    for starts in ("varied", "fixed", "both"):
        assert main(["train", *TINY, f"evaluation.starts={starts}", f"run_dir='{folder / starts}'"]) == 0
    return folder


def test_both_are_played_and_the_varied_ones_judge(runs: Path) -> None:
    both, varied, fixed = (rows(runs / starts) for starts in ("both", "varied", "fixed"))
    assert len(both) > 1
    for row, one, other in zip(both, varied, fixed, strict=True):
        assert {key: row[key] for key in MEASURED} == {key: one[key] for key in MEASURED}
        assert {key: row[key] for key in FIXED} == {key: other[plain] for key, plain in FIXED.items()}
        assert not FIXED.keys() & (one.keys() | other.keys())
    assert any(one["test_return_mean"] != other["test_return_mean"] for one, other in zip(varied, fixed, strict=True))
    assert json.loads((runs / "both" / "summary.json").read_text())["evaluation_starts"] == "both"


def test_training_does_not_depend_on_them(runs: Path) -> None:
    measured = {*MEASURED, *FIXED, "elapsed_s"}
    trained = [
        [{key: value for key, value in row.items() if key not in measured} for row in rows(runs / starts)]
        for starts in ("varied", "fixed", "both")
    ]
    assert trained[0] == trained[1] == trained[2]


@pytest.mark.parametrize("starts", ["varied", "fixed", "both"])
def test_a_report_plays_again_the_episodes_that_judge(runs: Path, starts: str) -> None:
    run = read_run(runs / starts)
    assert run.starts == ("fixed" if starts == "fixed" else "varied")
    again = play_again(run, 6, lambda count: None, first_episode=6 * (len(run.rows) - 1))
    assert again.replayed[FINAL].win_rate == run.logged(FINAL)
    assert again.replayed[FINAL].mean_return == run.rows[-1]["test_return_mean"]
