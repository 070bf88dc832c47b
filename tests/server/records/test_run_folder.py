"""The run folder: one run, one writer, and plain words for everything that is not a run folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, StorageError
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from support.played import config

COMMAND = ["fedqmix", "train", "run_dir=a b"]


def create(path: Path) -> RunFolder:
    return RunFolder.create(path, config(), COMMAND)


def test_a_new_folder_holds_configuration_id_and_command(tmp_path: Path) -> None:
    settings = config()
    with RunFolder.create(tmp_path / "deep" / "run", settings, COMMAND) as folder:
        assert load(folder.path, maps=("3m",)) == settings
        record = json.loads((folder.path / "run.json").read_text())
        assert record == {"run_id": folder.run_id, "commands": ["fedqmix train 'run_dir=a b'"]}
        assert len(bytes.fromhex(folder.run_id)) == 8
        assert folder.checkpoints.is_dir()
        assert folder.replays.is_dir()
        assert {folder.metrics.name, folder.summary.name, folder.marl_eval.name} == {
            "metrics.jsonl",
            "summary.json",
            "marl_eval.json",
        }


def test_two_runs_have_two_ids(tmp_path: Path) -> None:
    with create(tmp_path / "one") as one, create(tmp_path / "two") as two:
        assert one.run_id != two.run_id


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    create(tmp_path).close()


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all my work")
    with pytest.raises(ConfigurationError, match="is not empty: a new or empty folder is needed"):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ConfigurationError, match="is a file"):
        create(tmp_path / "thesis.tex")
    with pytest.raises(ConfigurationError, match=r"thesis\.tex is a file"):
        create(tmp_path / "thesis.tex" / "run")


def test_a_folder_with_a_run_points_to_resume(tmp_path: Path) -> None:
    create(tmp_path).close()
    with pytest.raises(
        ConfigurationError, match=f"holds a run already: choose another, or go on with resume={tmp_path}"
    ):
        create(tmp_path)


def test_open_goes_on_with_the_same_id_and_notes_the_command(tmp_path: Path) -> None:
    with create(tmp_path) as folder:
        run_id = folder.run_id
    before = (tmp_path / "run.json").read_bytes()
    with RunFolder.open(tmp_path, ["fedqmix", "train", "resume=here"]) as folder:
        assert folder.run_id == run_id
        assert (tmp_path / "run.json").read_bytes() == before  # it may yet be refused
        folder.go_on(config())
    RunFolder.open(tmp_path).close()
    commands = json.loads((tmp_path / "run.json").read_text())["commands"]
    assert commands == ["fedqmix train 'run_dir=a b'", "fedqmix train resume=here"]


def test_what_is_no_run_folder_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    create(run).close()
    (run / "checkpoints" / "round-3").mkdir()
    (run / "checkpoints" / "round-3" / "manifest.json").write_text("{}")
    for path, message in [
        (tmp_path / "nowhere", "there is no folder"),
        (tmp_path, "is not a run folder: it has no config.yaml and no run.json"),
        (run / "checkpoints" / "round-3", f"lies inside the run folder {run}"),
        (run / "checkpoints" / "round-3" / "manifest.json", f"lies inside the run folder {run}"),
        (run / "config.yaml", f"lies inside the run folder {run}"),
        (Path(__file__), "is a file: a run folder is needed"),
    ]:
        with pytest.raises(CheckpointError) as caught:
            RunFolder.open(path)
        assert message in str(caught.value)


@pytest.mark.parametrize("missing", ["config.yaml", "run.json"])
def test_a_run_folder_without_one_of_its_files_is_refused(tmp_path: Path, missing: str) -> None:
    create(tmp_path).close()
    (tmp_path / missing).unlink()
    with pytest.raises(CheckpointError, match=f"it has no {missing}"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": 3, "commands": []}'])
def test_a_damaged_run_json_is_refused(tmp_path: Path, text: str) -> None:
    create(tmp_path).close()
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"run\.json is damaged"):
        RunFolder.open(tmp_path)


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with create(tmp_path):
        with pytest.raises(StorageError, match=f"is being written by process {os.getpid()}"):
            RunFolder.open(tmp_path)
        script = f"from fedqmix.runtime.runs.lifecycle.folder import RunFolder; RunFolder.open({str(tmp_path)!r})"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert other.returncode == 1
        assert f"is being written by process {os.getpid()}" in other.stderr
    RunFolder.open(tmp_path).close()


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    create(tmp_path).close()
    script = (
        "import os, signal; from fedqmix.runtime.runs.lifecycle.folder import RunFolder; "
        f"folder = RunFolder.open({str(tmp_path)!r}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == -9
    RunFolder.open(tmp_path).close()


def test_a_changed_configuration_replaces_the_old_one(tmp_path: Path) -> None:
    with create(tmp_path) as folder:
        folder.save_config(config("stop.env_steps=4321"))
    assert load(tmp_path, maps=("3m",)).stop.env_steps == 4321
