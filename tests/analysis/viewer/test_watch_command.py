"""`fedqmix watch` as a user types it: what it writes, and what it says when it cannot."""

from __future__ import annotations

import errno
import os
import sys
import webbrowser
from pathlib import Path

import pytest

from fedqmix.envs.replays import Result, replay_bytes
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.settings import compose
from support.shown_battles import short_battle


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let no browser open; collect the addresses."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with three replays."""
    folder = tmp_path / "run-7"
    (folder / "replays").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(compose([])))
    (folder / "run.json").write_text("{}")
    for name, result in (("best", Result.WON), ("round-000003", Result.LOST), ("round-000004", Result.CUT_OFF)):
        (folder / "replays" / f"{name}.json.gz").write_bytes(replay_bytes(short_battle(result=result)))
    return folder


def test_the_best_battle_is_shown_beside_its_replay(
    run: Path, opened: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["watch", str(run)]) == 0
    html = run / "replays" / "best.html"
    assert "3m: won in 3 steps" in html.read_text()
    assert f"page: {html}" in capsys.readouterr().out
    assert opened == [html.resolve().as_uri()]


def test_without_a_best_evaluation_the_newest_checkpoint_is_shown(run: Path, opened: list[str]) -> None:
    (run / "replays" / "best.json.gz").unlink()
    assert main(["watch", str(run), "--no-open"]) == 0
    assert "cut off after" in (run / "replays" / "round-000004.html").read_text()
    assert opened == []


def test_a_replay_can_be_named_or_given_itself(run: Path, opened: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["watch", str(run), "--replay", "round-000003", "--html", str(page), "--no-open"]) == 0
    assert "lost in" in page.read_text()
    assert main(["watch", str(run / "replays" / "round-000004.json.gz"), f"--html={page}", "--no-open"]) == 0
    assert "cut off after" in page.read_text()
    assert not list((run / "replays").glob("*.html"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_nothing_is_opened(run: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["watch", str(run)]) == 0
    assert opened == []


def test_films_are_written_instead_of_a_page_and_beside_one(run: Path, opened: list[str], tmp_path: Path) -> None:
    gif, page = tmp_path / "battle.gif", tmp_path / "page.html"
    assert main(["watch", str(run), "--gif", str(gif)]) == 0
    assert gif.read_bytes().startswith(b"GIF89a")
    assert not list(tmp_path.rglob("*.html"))
    assert main(["watch", str(run), "--gif", str(gif), "--html", str(page), "--no-open"]) == 0
    assert page.exists()
    assert opened == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}", "--gfi", "a.gif"], "did you mean '--gif'"),
        (["{run}", "--gif"], "--gif"),
        (["{run}", "{run}"], "one episode at a time"),
        (["--no-open"], "needs a run folder"),
        (["{run}", "--replay", "round-000005"], "did you mean 'round-00000"),
        (["{run}", "--replay", "worst"], "best, round-000003, round-000004"),
        (["{run}/replays/best.json.gz", "--replay", "best"], "is one already"),
        (["{run}/replays/worst.json.gz"], "there is no folder"),
        (["{run}/.."], "run-7"),
        (["{run}/config.yaml"], "is not a valid replay"),
        (["{run}", "--html", "{run}/nowhere/page.html"], "there is no folder"),
        (["{run}", "--html", "{run}"], "is a folder"),
        (["{run}", "--gif", "{run}/nowhere/a.gif"], "there is no folder"),
    ],
)
def test_mistakes_are_explained(
    run: Path, opened: list[str], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["watch", *(word.format(run=run) for word in words)]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert opened == []
    assert not list(run.rglob("*.html"))


def test_a_run_without_replays_is_told_when_it_gets_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (run / "replays").iterdir():
        path.unlink()
    assert main(["watch", str(run)]) == 2
    assert "at each checkpoint" in capsys.readouterr().err


def test_a_damaged_replay_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = run / "replays" / "best.json.gz"
    best.write_bytes(best.read_bytes()[:-30])
    assert main(["watch", str(run), "--no-open"]) == 2
    message = capsys.readouterr().err
    assert f"{best} is damaged" in message


def test_a_full_disk_is_told(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    assert main(["watch", str(run), "--no-open"]) == 1
    assert "No space left" in capsys.readouterr().err
    assert not (run / "replays" / "best.html").exists()


def test_help_tells_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(option in text for option in ("--replay", "--html", "--gif", "--mp4", "--no-open"))
    assert main(["watch"]) == 2
    assert main(["--help"]) == 0
    assert "fedqmix watch" in capsys.readouterr().out
