"""Robust strategies in whole runs: trained, cut off and resumed, refused, and as a federation."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs, rows

RUNS = [
    ["strategy=median", "strategy.adam_moments=average", "strategy.share_targets=true"],
    ["strategy=trimmed_mean", "strategy.server_optimiser=adam"],
    ["strategy=krum", "map=2s3z", "strategy.krum_select=2", "strategy.adam_moments=average"],
    ["strategy=bulyan", "map=8m"],
    ["strategy=norm_clip", "strategy.adam_moments=average", "strategy.share_targets=true"],
    ["strategy=rs_pps", "strategy.clip_update=1.5"],
]
EACH = pytest.mark.parametrize("words", RUNS, ids=[words[0].partition("=")[2] for words in RUNS])


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "experiment=smoke", f"run_dir={run_dir}", *words])


@EACH
def test_resumed_is_undisturbed(tmp_path: Path, words: list[str]) -> None:
    assert train(tmp_path / "whole", *words, "stop.rounds=3") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=1") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=3"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    weights = [value for name, value in rows(tmp_path / "whole")[-1].items() if name.startswith("fed/weight_")]
    assert sum(weights) == pytest.approx(1)


def test_a_team_that_is_too_small_leaves_no_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "up", "verify"):
        assert main([command, "experiment=smoke", "strategy=krum", f"run_dir={tmp_path / 'run'}"]) == 2
        message = capfd.readouterr().err
        assert "needs at least 5 agents; 3m has 3. Use median, trimmed_mean or norm_clip." in message
        assert "Traceback" not in message
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("words", [RUNS[0], RUNS[4]], ids=["median", "norm_clip"])
def test_a_federation_computes_what_one_process_computes(words: list[str]) -> None:
    assert main(["verify", "experiment=smoke", *words]) == 0
