"""Runs as they lie on disk: their metrics, settings, replays, states and networks, and what a federation's lacks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch

import fedqmix
from fedqmix.runtime.runs.collecting.folder import collect
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from support.run_folders import write_run


@pytest.fixture
def federation(trained: fedqmix.Run, tmp_path: Path) -> Callable[..., Path]:
    """Make the folder of a run whose server has the aggregate alone, as a deployment's has."""

    def make(name: str, *shared: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(trained.path, folder)
        shutil.rmtree(folder / "checkpoints")
        with RunFolder.open(folder) as opened:
            run_id = opened.run_id
        aggregate = {key: value[0] for key, value in trained.team().parameters.items() if key.startswith(shared)}
        CheckpointStore(folder / "checkpoints", 2, run_id).save(7, {"aggregate": aggregate}, {"round": 7}, {})
        return folder

    return make


def test_a_run_gives_what_is_in_its_folder(trained: fedqmix.Run) -> None:
    run = fedqmix.Run(str(trained.path))
    assert (run.config.map, run.config.seed, run.config.evaluation.starts) == ("3m", 3, "both")
    assert run.summary["outcome"] == "finished"
    assert run.summary["final"] == run.metrics[-1]
    assert run.steps == run.metrics[-1]["env_step"] >= 2000
    assert run.win_rate == run.metrics[-1]["test_battle_won_mean"]
    assert run.state == fedqmix.RunState.FINISHED
    files = [path.stat().st_size for path in run.path.rglob("*") if path.is_file()]
    assert run.size == sum(files) > 100_000
    assert timedelta(0) <= run.age < timedelta(hours=1)
    assert "finished" in repr(run)


def test_its_replays_are_read_and_shown(trained: fedqmix.Run) -> None:
    replays = trained.replays
    assert {"best", *(f"round-{number:06d}" for number in _rounds(trained))} == set(replays)
    assert replays["best"].map == "3m"
    assert replays["best"].occasion.purpose == "varied-evaluation"
    assert "<html" in replays.page("best")
    with pytest.raises(fedqmix.FedqmixError, match="no replay 'worst'"):
        replays.page("worst")
    with pytest.raises(KeyError):
        replays["worst"]


def test_a_teams_checkpoint_is_chosen(trained: fedqmix.Run) -> None:
    last, *_ = reversed(_rounds(trained))
    assert trained.team().round == trained.team("last").round == fedqmix.load(trained.path).round == last
    assert trained.team("best").round == trained.summary["best"]["round"]
    early = trained.team(last - 1)
    assert early.round == last - 1
    assert not torch.equal(early.parameters["head.weight"], trained.team().parameters["head.weight"])
    best = fedqmix.load(trained.path / "checkpoints" / "best")
    assert torch.equal(best.parameters["fc.weight"], trained.team("best").parameters["fc.weight"])
    assert fedqmix.load(trained.path / "checkpoints").round == last
    with pytest.raises(fedqmix.CheckpointError, match=f"those of rounds {last - 2}, {last - 1}, {last}"):
        trained.team(99)
    with pytest.raises(fedqmix.ConfigurationError, match="'bset' is not a valid choice"):
        trained.team("bset")


def test_a_team_has_the_aggregate_over_its_own_parameters(trained: fedqmix.Run) -> None:
    """a_pps shares every parameter, so all agents play with one network after a round."""
    head = trained.team().parameters["head.weight"]
    assert torch.equal(head[0], head[1])


def test_what_is_not_a_run_is_refused(trained: fedqmix.Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(fedqmix.CheckpointError):
            fedqmix.Run(path)
        with pytest.raises(fedqmix.CheckpointError):
            fedqmix.load(path)
        (tmp_path / "file").write_text("")
    shutil.copytree(trained.path / "checkpoints" / "best", tmp_path / "checkpoints" / "best")
    with pytest.raises(fedqmix.CheckpointError, match="not a run folder"):  # its settings are missing
        fedqmix.load(tmp_path / "checkpoints" / "best")
    with pytest.raises(fedqmix.CheckpointError, match="no folder"):
        fedqmix.runs(tmp_path / "nothing")


def test_a_damaged_checkpoint_is_refused(trained: fedqmix.Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.path, folder)
    file = folder / "checkpoints" / "best" / "agents.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(fedqmix.CheckpointError, match="does not match its checksum"):
        fedqmix.Run(folder).team("best")
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("map: 3m", "map: 8m"))
    with pytest.raises(fedqmix.CheckpointError, match="does not fit the run's settings"):
        fedqmix.load(folder)


def test_code_that_a_run_names_is_imported_with_leave_only(trained: fedqmix.Run, tmp_path: Path) -> None:
    folder, code = tmp_path / "run", tmp_path / "theirs.py"
    shutil.copytree(trained.path, folder)
    code.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\nfrom fedqmix.networks import Gru as Mine\n")
    text = (folder / "config.yaml").read_text()
    text = text.replace("  name: gru\n  code: null", f"  name: own\n  code: {code}:Mine")
    (folder / "config.yaml").write_text(text)
    with pytest.raises(fedqmix.ConfigurationError, match="allow_code=True"):
        fedqmix.load(folder)
    assert not (tmp_path / "executed").exists()
    team = fedqmix.Run(folder).team(allow_code=True)
    assert (tmp_path / "executed").exists()
    assert torch.equal(team.parameters["fc.weight"], trained.team().parameters["fc.weight"])


def test_a_federations_team_is_there_when_everything_is_shared(
    trained: fedqmix.Run, federation: Callable[..., Path]
) -> None:
    run = fedqmix.Run(federation("all", ""))
    assert torch.equal(run.team().parameters["gru.bias_ih"], trained.team().parameters["gru.bias_ih"])
    assert fedqmix.evaluate(run.team(), 4).returns == fedqmix.evaluate(trained.team(), 4).returns


def test_a_federations_agents_own_the_rest(federation: Callable[..., Path]) -> None:
    run = fedqmix.Run(federation("part", "head."))
    with pytest.raises(
        fedqmix.CheckpointError, match=r"fc.weight, .* stayed with the agents\. Each agent owns the rest"
    ):
        run.team()
    assert run.metrics
    assert run.config.map == "3m"


def test_a_collected_run_has_no_networks(trained: fedqmix.Run, tmp_path: Path) -> None:
    file, _ = collect(trained.path, tmp_path / "data")
    run = fedqmix.Run(file)
    assert run.metrics == trained.metrics
    assert run.config.algorithm == trained.config.algorithm
    assert run.summary["outcome"] == "finished"
    assert (run.state, run.steps, len(run.replays)) == (fedqmix.RunState.FINISHED, trained.steps, 0)
    assert run.size == file.stat().st_size
    with pytest.raises(fedqmix.CheckpointError, match="is a collected run"):
        run.team()
    assert [found.path for found in fedqmix.runs(tmp_path)] == [file]


def test_a_folder_of_runs_is_listed_with_their_states(tmp_path: Path) -> None:
    finished = write_run(tmp_path / "a", [0.0, 0.5])
    stopped = write_run(tmp_path / "b" / "seed-1", [0.25])
    (stopped / "summary.json").unlink()
    begun = write_run(tmp_path / "c", [])
    damaged = write_run(tmp_path / "d", [0.5])
    (damaged / "metrics.jsonl").write_text("{}\n")
    with RunFolder.open(begun):
        found = fedqmix.runs(tmp_path)
        assert [run.path for run in found] == [finished, stopped, begun, damaged]
        states = [run.state for run in found]
    assert states == ["finished", "stopped", "running", "finished"]
    assert [run.steps for run in found[:3]] == [2000, 1000, 0]
    assert [run.win_rate for run in found[:3]] == [0.5, 0.25, None]
    assert "damaged" in repr(found[3])
    with pytest.raises(fedqmix.CheckpointError, match="is damaged"):
        found[3].metrics  # noqa: B018
    assert fedqmix.Run(begun).state == fedqmix.RunState.FINISHED  # nothing holds its lock any more


def test_asking_for_the_state_keeps_no_run_from_starting(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.5])
    assert fedqmix.Run(folder).state == fedqmix.RunState.FINISHED
    with RunFolder.open(folder):
        assert fedqmix.Run(folder).state == fedqmix.RunState.RUNNING
    assert list(tmp_path.iterdir()) == [folder]


def test_metrics_become_a_frame_where_pandas_is(trained: fedqmix.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pandas:
        """Stands in for pandas, which the project does not install."""

        @staticmethod
        def DataFrame(rows):  # noqa: N802
            return ("a frame of", rows)

    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    assert trained.metrics.frame() == ("a frame of", list(trained.metrics))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(fedqmix.ConfigurationError, match="pip install pandas"):
        trained.metrics.frame()


def _rounds(run: fedqmix.Run) -> list[int]:
    return sorted(int(path.name[6:]) for path in (run.path / "checkpoints").glob("round-*"))
