"""A member with a valid certificate that lies, in a real federation of processes: it is named, and nothing is lost."""

import json

import pytest
import safetensors.numpy

from fedqmix.runtime.cli.main import main
from support.federated_run import FederatedRun

WORDS = ["experiment=smoke", "map=3m", "stop.rounds=4", "evaluation.every_env_steps=1", "strategy=rs_pps"]
LIES = {
    "1:nan": r"agent 1 was refused in round 1: it returned .* with values that are not finite",
    "2:huge": r"agent 2 was refused in round 1: it returned an update of size",
    "0:reward": r"agent 0 was refused in round 1: it reported accumulated-reward=1e+30; it is",
    "0:steps": r"agent 0 was refused in round 1: it reported env-step=1000000000000; it is",
    "1:q": r"agent 1 was refused in round 1: it sent values of q_taken up to 1e+06 to the mixer",
    "2:norm": r"agent 2 was refused in round 1: it sent a gradient of norm 1e+10 to the mixer",
    "0:wins": r"agent 0 was refused in round 1: it reported win-rate=[9.0]; it is [",
}


def checkpoint_values(folder):
    """All arrays of all checkpoints."""
    return [
        value
        for path in (folder / "checkpoints").rglob("*.safetensors")
        for value in safetensors.numpy.load_file(path).values()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_stops_the_run_names_the_agent_and_the_honest_go_on_from_the_last_checkpoint(lie, tmp_path, capsys):
    folder = tmp_path / "run"
    words = [*WORDS, f"run_dir={folder}"]
    with FederatedRun(folder, *words, lie=lie) as run:
        said, _ = run.process.communicate(timeout=280)
        assert run.process.returncode == 1, said
        flat = " ".join(said.split())
        assert all(part in flat for part in LIES[lie].split(" .* ")), said
        assert "Traceback" not in said
    agent = lie[0]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1][f"fed/refused_{agent}"] == 1
    assert json.loads((folder / "summary.json").read_text())["refused"].keys() == {agent}
    assert all((abs(value) < 1e3).all() for value in checkpoint_values(folder))
    with FederatedRun(folder, f"resume={folder}") as run:
        run.finish()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "finished"
    assert summary["refused"][agent]["times"] == 1  # a run that goes on does not hide what stopped it
    assert main(["report", str(folder), "episodes=0"]) in (None, 0)


@pytest.mark.slow
def test_left_out_a_liar_does_not_keep_the_others_from_training(tmp_path):
    folder = tmp_path / "run"
    words = [*WORDS, f"run_dir={folder}", "strategy.on_fault=leave_out"]
    with FederatedRun(folder, *words, lie="1:nan") as run:
        said = run.finish()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["fed/refused_1"] == rows[-1]["round"] == 4
    assert rows[-1]["fed/weight_1"] == 0
    assert "agent 1 was refused in round 4" in said + (folder / "logs" / "server.log").read_text()
    assert all((abs(value) < 1e3).all() for value in checkpoint_values(folder))
