"""A run writes in its own folder alone: what leads out of it is refused by name, and nothing there is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import EXIT_BAD_INPUT, main
from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.runs.lifecycle.lock import lock_folder
from fedqmix.runtime.storage.files import write_whole
from fedqmix.server.records import JsonlLogger
from support import damages as d

WRITTEN = [
    *("config.yaml", "run.json", "metrics.jsonl", "summary.json", "marl_eval.json"),
    *("checkpoints", "checkpoints/episodes", "checkpoints/best", "replays", "replays/best.json.gz"),
]


def refused_by(words: list[str], run: Path, capsys: pytest.CaptureFixture[str]) -> str:
    before = d.content(run.parent)
    assert main(words) == EXIT_BAD_INPUT
    assert d.content(run.parent) == before
    told = capsys.readouterr().err
    assert "Traceback" not in told
    return " ".join(told.split())


@pytest.mark.parametrize("name", WRITTEN)
def test_a_link_out_of_the_folder_is_refused(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    d.moved_away(run / name)
    told = refused_by(["train", f"resume='{run}'", "stop.env_steps=1500"], run, capsys)
    assert f"{run / name} is a symbolic link, and a run writes in its own folder alone" in told


def test_so_is_one_deep_inside(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = max((run / "checkpoints").glob("round-*"))
    d.moved_away(newest)
    assert str(newest) in refused_by(["train", f"resume='{run}'", "stop.env_steps=1500"], run, capsys)


def test_a_second_name_of_what_is_written_in_place_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    d.hard_linked(run / "metrics.jsonl")
    told = refused_by(["train", f"resume='{run}'", "stop.env_steps=1500"], run, capsys)
    assert f"{run / 'metrics.jsonl'} has a second name elsewhere" in told


@pytest.mark.parametrize("link", [d.moved_away, d.hard_linked])
def test_a_lock_is_not_written_through_a_link(link: d.Damage, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / ".lock").write_text("a thesis")
    link(run / ".lock")
    refused_by(["train", f"resume='{run}'", "stop.env_steps=1500"], run, capsys)
    assert (run.parent / "outside" / ".lock").read_text() == "a thesis"


def test_a_link_to_the_whole_folder_will_do(run: Path) -> None:
    link = run.parent / "latest"
    link.symlink_to(run)
    assert main(["train", f"resume='{link}'", "stop.env_steps=1000"]) == 0
    assert json.loads((run / "summary.json").read_bytes())["outcome"] == "finished"


def test_a_users_own_link_beside_a_runs_files_will_do(run: Path) -> None:
    notes = run.parent / "notes.txt"
    notes.write_text("mine")
    (run / "notes.txt").symlink_to(notes)
    assert main(["train", f"resume='{run}'", "stop.env_steps=1000"]) == 0
    assert notes.read_text() == "mine"


def test_report_reads_through_links_and_writes_through_none(run: Path) -> None:
    for name in ("metrics.jsonl", "summary.json", "checkpoints"):
        d.moved_away(run / name)
    before = d.content(run.parent / "outside")
    assert main(["report", str(run), "episodes=1"]) == 0
    assert d.content(run.parent / "outside") == before


def test_a_report_is_not_written_through_a_link(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = run.parent / "outside"
    outside.mkdir()
    (run / "report").symlink_to(outside)
    assert f"{run / 'report'} is a symbolic link" in refused_by(["report", str(run), "episodes=0"], run, capsys)
    assert main(["report", str(run), "episodes=0", f"out={run / 'report'}"]) == 0  # it was asked for


def test_a_page_is_not_written_through_a_link(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    d.moved_away(run / "replays")
    assert f"{run / 'replays'} is a symbolic link" in refused_by(["watch", str(run), "--no-open"], run, capsys)
    assert main(["watch", str(run), "--no-open", "--html", str(run.parent / "page.html")]) == 0


def test_nothing_is_written_through_a_link_at_a_temporary_name(tmp_path: Path) -> None:
    other = tmp_path / "thesis.tex"
    other.write_text("all my work")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".tmp-config.yaml").symlink_to(other)
    write_whole(tmp_path / "folder" / "config.yaml", b"seed: 1\n")
    assert (tmp_path / "folder" / "config.yaml").read_bytes() == b"seed: 1\n"
    assert other.read_text() == "all my work"


def test_rows_are_not_appended_and_folders_not_locked_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "thesis.tex"
    other.write_text("all my work")
    (tmp_path / "metrics.jsonl").symlink_to(other)
    (tmp_path / ".lock").symlink_to(other)
    with pytest.raises(StorageError, match=r"metrics\.jsonl"):
        JsonlLogger(tmp_path / "metrics.jsonl")
    with pytest.raises(StorageError, match="cannot write in"):
        lock_folder(tmp_path)
    assert other.read_text() == "all my work"


def test_an_older_checkpoint_is_named_and_can_be_gone_on_from(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The advice for a checkpoint with values that are not finite is a command that works."""
    newest = max((run / "checkpoints").glob("round-*"))
    d.tensors_with(d.not_finite)(newest / "agents.safetensors")
    told = refused_by(["train", f"resume='{run}'", "stop.env_steps=1000"], run, capsys)
    older = min((run / "checkpoints").glob("round-*"))
    assert f"{newest / 'agents.safetensors'} cannot be resumed from: " in told
    assert f"go on from it with: fedqmix train resume={older}" in told
    assert main(["train", f"resume='{older}'", "stop.env_steps=1000"]) == 0


def test_episodes_with_values_that_are_not_finite_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They lie outside the checkpoints, in files that several of them share."""
    newest = max((run / "checkpoints").glob("round-*"))
    manifest = json.loads((newest / "manifest.json").read_bytes())
    file = run / "checkpoints" / "episodes" / manifest["rings"]["team"]["segments"][0]["file"]["name"]
    d.tensors_with(d.not_finite, newest / "manifest.json")(file)
    told = refused_by(["train", f"resume='{run}'", "stop.env_steps=1000"], run, capsys)
    assert f"{file} cannot be resumed from" in told


def test_another_runs_checkpoint_is_refused(run: Path, trained_once: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "run.json").read_bytes())
    (run / "run.json").write_text(json.dumps(record | {"run_id": "0" * 16}))
    assert "this is run 0000000000000000" in refused_by(["train", f"resume='{run}'"], run, capsys)
