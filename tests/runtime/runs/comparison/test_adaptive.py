"""`fedqmix paper plan=adaptive` as a user runs it: real runs of two methods, their report, and the runs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs

WORDS = ["plan=adaptive", "scale=smoke", "methods=[seps,adaps]", "stop.env_steps=800", "strategy.identity_steps=50"]


@pytest.mark.slow
def test_from_an_empty_folder_to_the_report_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "all"
    assert main(["paper", *WORDS, f"run_dir={folder}"]) == 0
    shown = capfd.readouterr().out
    assert "bps-mini adaps seed 2 is done" in shown
    page = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert "| task | method | trained parameters | of one network | bytes a round | final return | normalised |" in page
    assert "| task | method | than adaps | than seps |" in page
    assert "P(better than none)" not in page
    curves = (folder / "report" / "curves.svg").read_text(encoding="utf-8")
    assert ">adaps<" in curves
    assert ">seps<" in curves
    assert ">bps-mini, iql<" in curves

    assert main(["paper", *WORDS, "seeds=[1]", f"run_dir={folder}"]) == 0
    assert "2 are done" in capfd.readouterr().out

    single = tmp_path / "single"
    settings = ["experiment=spread", "algorithm=iql", "model=mlp", "model.hidden=16", "model.agent_id=false", "seed=2"]
    settings += ["env=bps", "map=bps-1", "env.groups=3", "env.group_size=2", "strategy=adaps", "stop.env_steps=800"]
    settings += ["strategy.aggregation_interval=10", "strategy.identity_episodes=8", "strategy.identity_steps=50"]
    settings += [
        "strategy.identity_silhouette=-1",
        "strategy.identity_converged=0",
        "evaluation.every_env_steps=500",
        "evaluation.episodes=8",
    ]
    settings += ["algorithm.batch_size=8", "algorithm.parallel_episodes=4"]
    assert main(["train", *settings, f"run_dir={single}"]) == 0
    assert_equal_runs(single, folder / "bps-mini" / "adaps-s2")
