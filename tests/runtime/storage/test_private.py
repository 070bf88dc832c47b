"""What a party keeps for itself is readable by its owner alone, also what an earlier version left open."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fedqmix.runtime.storage.private import private_folder, private_opener, readable


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_its_owners_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = private_folder(tmp_path / "state" / "agent-0")
    assert mode(folder) == 0o700
    assert private_folder(folder) == folder
    assert not caplog.records
    with open(folder / "log", "ab", opener=private_opener) as file:
        file.write(b"x")
    assert mode(folder / "log") == 0o600


def test_what_is_there_is_tightened_and_links_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o644)
    inner = tmp_path / "state" / "0123" / "rounds"
    inner.mkdir(parents=True)
    (inner / "private-1.safetensors").touch(0o644)
    (inner / "tool").touch(0o755)
    (inner / "link").symlink_to(outside)
    before = set(readable(tmp_path / "state"))
    assert before == {tmp_path / "state", inner.parent, inner, inner / "private-1.safetensors", inner / "tool"}
    private_folder(tmp_path / "state")
    assert not list(readable(tmp_path / "state"))
    assert mode(inner / "tool") == 0o700
    assert mode(outside) == 0o644
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'state'} could be read by others; now only its owner can access it."
    ]


@pytest.mark.parametrize("around", ["", "..", "home"])
def test_a_folder_that_holds_more_is_not_touched(
    around: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a" / "home").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setenv("HOME", str(tmp_path / "a" / "home"))
    folder = Path(around).absolute()
    before = mode(folder)
    private_folder(folder)
    assert mode(folder) == before
    assert "holds more than this process's own" in caplog.text


OTHERS = """
import logging, os, sys
from pathlib import Path
from fedqmix.runtime.storage.private import private_folder
logging.basicConfig(format="%(message)s", stream=sys.stdout)
folder = Path(sys.argv[1])
os.setuid(int(sys.argv[2]))
os.umask(0o077)
(private_folder(folder) / "mine").touch()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_somebody_elses_folder_for_everybody_is_used_as_it_is(tmp_path: Path) -> None:
    """As in our containers, whose /state belongs to root."""
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to(tempfile.gettempdir()):
            path.chmod(path.stat().st_mode | 0o055)
    for name, bits, said in (("volume", 0o1777, ""), ("theirs", 0o777, "can be read by others")):
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(bits)
        words = [sys.executable, "-c", OTHERS, str(folder), "12345"]
        root = Path(__file__).parents[3]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
        assert bool(said) == bool(done.stdout)
        assert mode(folder / "mine") == 0o600
