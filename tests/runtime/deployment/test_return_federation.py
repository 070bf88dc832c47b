"""A federation in a world where nothing can be won: its rows are those of one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from support.compared import rows
from support.cost_suite import TASK, installed
from support.federated_run import FederatedRun

WORDS = ["experiment=smoke", f"map={TASK}", "stop.rounds=1", "stop.env_steps=100000", "evaluation.every_env_steps=1"]
WORDS += [
    "strategy=rs_pps",
    "evaluation.starts=both",
    "evaluation.around_aggregation=true",
    "checkpoint.every_rounds=1",
]


@pytest.mark.timeout(400)
def test_a_federation_logs_what_one_process_logs(tmp_path: Path) -> None:
    up, local = tmp_path / "up", tmp_path / "local"
    with FederatedRun(up, *WORDS, f"run_dir={up}", site="cost_site") as run:
        said = run.finish(360)
    with installed():
        assert main(["train", *WORDS, f"run_dir='{local}'"]) == 0
    assert rows(up) == rows(local)
    assert len(rows(up)) == 1
    assert all(row["test_return_mean"] < 0 < row["test_return_std"] for row in rows(up))
    assert not any("won" in name for row in rows(up) for name in row)
    assert "return, std" in said
    assert "win rate" not in said
