"""evaluation.around_aggregation in whole runs: what aggregation costs, and what does not depend on asking."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fedqmix.envs.replays import read_replay
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.runs.reporting.reading import read_run
from fedqmix.server.records import best_row
from support.compared import assert_equal_runs, final_tensors, rows

TINY = ["experiment=smoke", "map=8m", "strategy.aggregation_interval=4", "stop.rounds=5", "stop.env_steps=1000000"]
AROUND = [*TINY, "evaluation.around_aggregation=true", "evaluation.episodes=4"]
BEFORE = {
    "test_before_battle_won_mean": "test_battle_won_mean",
    "test_before_return_mean": "test_return_mean",
    "test_before_return_std": "test_return_std",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs with and without aggregation."""
    folder = tmp_path_factory.mktemp("around")
    for strategy in ("none", "a_pps"):
        assert main(["train", *AROUND, f"strategy={strategy}", f"run_dir='{folder / strategy}'"]) == 0
    return folder


def test_without_aggregation_both_evaluations_are_equal(runs: Path) -> None:
    found = rows(runs / "none")
    assert [row["round"] for row in found] == [1, 2, 3, 4, 5]
    for row in found:
        assert {key: row[key] for key in BEFORE} == {key: row[after] for key, after in BEFORE.items()}


def test_an_average_plays_otherwise_than_the_networks_it_is_made_of(runs: Path) -> None:
    found = rows(runs / "a_pps")
    assert [row["round"] for row in found] == [1, 2, 3, 4, 5]
    assert all(row.keys() >= BEFORE.keys() for row in found)
    assert any(row["test_before_return_mean"] != row["test_return_mean"] for row in found)


def test_the_best_evaluation_is_one_of_an_aggregate(runs: Path) -> None:
    best = best_row(rows(runs / "a_pps"))
    assert best is not None
    replay = read_replay(runs / "a_pps" / "replays" / "best.json.gz")
    assert (replay.occasion.round, replay.occasion.purpose) == (best["round"], "varied-evaluation")
    assert replay.occasion.episode == 4 * (best["round"] - 1)


def test_training_does_not_depend_on_it(runs: Path, tmp_path: Path) -> None:
    """Online networks are left out: after an evaluation agents hold the aggregate, which they are else sent next."""
    assert main(["train", *TINY, "strategy=a_pps", f"run_dir='{tmp_path / 'plain'}'"]) == 0
    plain, asked = final_tensors(tmp_path / "plain"), final_tensors(runs / "a_pps")
    assert plain.keys() == asked.keys()
    for name, value in plain.items():
        assert name.startswith("agents/online.") or name.endswith("sums") or torch.equal(value, asked[name]), name


def test_a_resumed_run_measures_the_same(runs: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    assert main(["train", *AROUND, "strategy=a_pps", "stop.rounds=2", f"run_dir='{cut}'"]) == 0
    assert main(["train", f"resume='{cut}'", "stop.rounds=5"]) == 0
    assert_equal_runs(runs / "a_pps", cut)


def test_a_report_draws_the_cost(runs: Path) -> None:
    assert main(["report", str(runs), f"out={runs / 'out'}", "episodes=0"]) == 0
    assert {"cost-won.svg", "cost-returns.svg"} <= {path.name for path in (runs / "out").iterdir()}
    run = read_run(runs / "a_pps")
    assert all(run.has(key) for key in BEFORE)
