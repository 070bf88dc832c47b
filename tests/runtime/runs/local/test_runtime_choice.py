"""`fedqmix train runtime=...`: where a run takes place is a setting like any other."""

import json
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.explaining import explain_groups
from fedqmix.runtime.configuration.settings import load


def test_help_lists_the_runtimes() -> None:
    said = explain_groups().partition("runtime=\n")[2].partition("logger=")[0]
    assert [line.lstrip(" *").split()[0] for line in said.splitlines()] == ["deployment", "local"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_deployment_is_trained_and_resumed_by_train(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert (
        main(["train", "runtime=deployment", "map=2s_vs_1sc", "experiment=smoke", "stop.rounds=1", f"run_dir={run}"])
        == 0
    )
    assert {path.name for path in (run / "state").iterdir()} >= {"mixer", "agent-0", "agent-1"}
    assert load(run).runtime.name == "deployment"
    assert main(["train", f"resume={run}", "stop.rounds=2"]) == 0
    assert json.loads((run / "progress.jsonl").read_text().splitlines()[-1])["round"] == 2
    assert "starting 7 processes" in capfd.readouterr().out
