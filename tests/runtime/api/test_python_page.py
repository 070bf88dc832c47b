"""The programs of docs/python.md, each as it stands there, in a folder with what the ones before it made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.paths import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(word: str) -> str:
    (found,) = (text for text in BLOCKS if word in text)
    return str(found)


def test_every_program_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 7
    for text in BLOCKS:
        exec(compile(text, "docs/python.md", "exec"), {"__name__": "__main__"})
        assert capsys.readouterr().out
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"first", "second"}
    assert (tmp_path / "battle.html").stat().st_size > 10_000


def test_acting_and_evaluating_take_ten_lines_at_most() -> None:
    for word in ("team.act(", "fedqmix.evaluate("):
        assert len([line for line in block(word).splitlines() if line]) <= 10
