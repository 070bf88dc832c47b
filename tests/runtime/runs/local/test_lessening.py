"""What lessens the cost of averaging, in whole runs: cut off and resumed, in one process and as a federation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from support.compared import assert_equal_runs, final_tensors

EVERYTHING = [
    "strategy.server_optimiser=adam",
    "strategy.adam_moments=average",
    "strategy.share_targets=true",
    "strategy.proximal_mu=0.1",
]
OPTIONS = [
    ["strategy=a_pps", *EVERYTHING],
    ["strategy=pp_pps", "strategy.server_optimiser=momentum", "strategy.adam_moments=reset"],
]
EACH = pytest.mark.parametrize("words", OPTIONS, ids=["all", "momentum and reset"])


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "experiment=smoke", f"run_dir={run_dir}", *words])


@EACH
def test_resumed_is_undisturbed(tmp_path: Path, words: list[str]) -> None:
    assert train(tmp_path / "whole", *words, "stop.rounds=5") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=5"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    names = {name for name in final_tensors(tmp_path / "whole") if name.startswith("strategy/")}
    assert "strategy/server.m.head.bias" in names or "strategy/server.momentum.head.bias" in names


def test_without_them_a_strategy_has_no_state(tmp_path: Path) -> None:
    """So checkpoints are those of earlier versions, and go on as these do."""
    assert train(tmp_path / "run", "strategy=rs_pps", "stop.rounds=2") == 0
    assert not [name for name in final_tensors(tmp_path / "run") if name.startswith("strategy/")]


def test_the_next_round_begins_with_the_servers_step(tmp_path: Path) -> None:
    """A checkpoint's aggregate is what the server made of the average, not the average."""
    for name, words in (("plain", []), ("moved", ["strategy.server_optimiser=momentum"])):
        assert train(tmp_path / name, "strategy=a_pps", *words, "stop.rounds=2") == 0
    plain, moved = final_tensors(tmp_path / "plain"), final_tensors(tmp_path / "moved")
    assert plain["aggregate/head.weight"].shape == moved["aggregate/head.weight"].shape
    assert moved["aggregate/head.weight"].dtype == torch.float32
    assert not torch.equal(plain["aggregate/head.weight"], moved["aggregate/head.weight"])


@pytest.mark.slow
@EACH
def test_a_federation_computes_what_one_process_computes(words: list[str]) -> None:
    assert main(["verify", "experiment=smoke", *words]) == 0
