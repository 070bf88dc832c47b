"""Honest teams stay far below the bounds of server.bounds, and compute what they would without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.analysis.benchmarks.honest import main as watch_main
from fedqmix.analysis.benchmarks.honest import watch
from fedqmix.envs import available_maps
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from support.compared import assert_equal_runs, final_tensors

SAFETY = 10
"""How many times below the default bounds honest teams stay, at least; in short runs far more (docs/security.md)."""


def train(run_dir: Path, *words: str) -> Path:
    assert main(["train", "experiment=smoke", "stop.rounds=2", f"run_dir={run_dir}", *words]) == 0
    return run_dir


@pytest.mark.parametrize(
    "words", [["algorithm=qmix"], ["algorithm=vdn", "strategy=full_sharing"], ["algorithm=iql"]], ids=" ".join
)
def test_a_run_computes_what_it_would_without_bounds(words: list[str], tmp_path: Path) -> None:
    bounded = train(tmp_path / "bounded", *words)
    free = train(tmp_path / "free", "algorithm.max_q=null", "algorithm.max_gradient=null", *words)
    assert_equal_runs(bounded, free)


def test_a_resumed_run_has_the_largest_reward_of_the_whole_run(tmp_path: Path) -> None:
    first = train(tmp_path / "resumed", "stop.rounds=1")
    seen = final_tensors(first)["mixer/largest_reward"]
    assert float(seen) > 0
    assert main(["train", f"resume={first}", "stop.rounds=2"]) == 0
    assert_equal_runs(train(tmp_path / "whole"), first)
    assert float(final_tensors(first)["mixer/largest_reward"]) >= float(seen)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("map_", "strategy"),
    [
        *((map_, "a_pps") for map_ in available_maps()),
        *((map_, "full_sharing") for map_ in ("3m", "2s3z", "1c3s5z", "MMM2", "bane_vs_bane")),
    ],
)
def test_honest_teams_stay_below_a_tenth_of_the_bounds(map_: str, strategy: str, tmp_path: Path) -> None:
    words = [f"map={map_}", "experiment=tuned", f"strategy={strategy}", "runtime.device=cpu", f"run_dir={tmp_path}/run"]
    words += ["algorithm.buffer_size=100", "algorithm.batch_size=16", "algorithm.updates_per_episode=0.5"]
    words += ["strategy.aggregation_interval=20", "stop.rounds=2", "evaluation.episodes=2"]
    if strategy == "a_pps":  # so that their changes are compared too
        words += ["strategy.adam_moments=average", "strategy.share_targets=true"]
    config = compose(words)
    usual = config.algorithm
    assert usual.max_q is not None
    assert usual.max_gradient is not None
    watched = watch(config, tmp_path / "run")
    assert watched.steps == 40
    assert 0 < SAFETY * watched.ratios["q_to_reward"] < usual.max_q
    assert 0 < SAFETY * watched.ratios["norm_to_others"] < usual.max_gradient
    assert (watched.ratios["row_to_others"] > 0) == (strategy == "full_sharing")
    assert SAFETY * watched.ratios["row_to_others"] < usual.max_gradient
    assert config.strategy.max_update is not None
    assert 0 < 3 * watched.ratios["update_to_others"] < config.strategy.max_update
    assert watched.faults == {}


def test_the_watch_on_honest_teams(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch_main(["map=3m", "experiment=smoke", "stop.rounds=1", "strategy=full_sharing"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["map"], found["steps"], found["noted"]) == ("3m", 10, [])
    assert all(found[name] > 0 for name in ("q_to_reward", "q_to_others", "norm_to_others", "row_to_others"))
    assert watch_main(["map=4m"]) == 2
    assert "unknown map '4m'" in capsys.readouterr().err
