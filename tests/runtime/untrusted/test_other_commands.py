"""What else reads run folders, or other programs' files, refuses damaged ones as report and resume do."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import EXIT_BAD_INPUT, main
from support import damages as d

SMALL = ["experiment=smoke", "stop.env_steps=900", "evaluation.every_env_steps=200", "evaluation.episodes=4"]
DOCUMENT = {
    "folder": d.folder,
    "pipe": d.fifo,
    "unreadable": d.unreadable,
    "endless": d.endless,
    "huge": d.huge,
    "not-utf8": d.holding(b"\xff\xfe\x00" * 9 + b"\n"),
    "nested": d.holding("[" * d.NESTED + "\n"),
    "nested-object": d.holding('{"a":' * d.NESTED + "\n"),
    "list": d.holding("[1]\n"),
    "numbers": d.holding('{"overrides": 3, "runs": 3, "seeds": 3}'),
}


def told(words: list[str], place: Path, capsys: pytest.CaptureFixture[str], status: int = EXIT_BAD_INPUT) -> str:
    before = d.content(place)
    ended = main(words)
    shown = capsys.readouterr()
    assert ended == status, shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err
    assert d.content(place) == before
    return shown.out + shown.err


@pytest.mark.parametrize("name", [*(name for name in DOCUMENT if name not in ("list", "numbers")), "packed"])
def test_watch(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / "replays" / "best.json.gz"
    packed = d.holding(gzip.compress(b"[" * d.NESTED))
    (DOCUMENT | {"packed": packed})[name](file)
    assert str(file) in told(["watch", str(run), "--no-open"], run.parent, capsys)


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name != "numbers"])
@pytest.mark.parametrize("of", ["config.yaml", "metrics.jsonl", "summary.json"])
def test_collect(of: str, name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    DOCUMENT[name](run / of)
    words = ["collect", str(run), f"data={run.parent / 'data'}"]
    text = told(words, run.parent, capsys, 1)  # a run of several that could not be collected
    assert str(run / of) in text.replace("\n", "")


IN_ITS_PLACE = ("folder", "pipe", "unreadable", "endless")
"""Damages after which a folder is no run folder."""


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name != "numbers"])
@pytest.mark.parametrize("of", ["config.yaml", "metrics.jsonl", "summary.json"])
def test_a_ladders_table(of: str, name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    DOCUMENT[name](run / of)
    words = ["ladder", "--table", f"run_dir={run.parent}", f"out={run.parent / 'out'}"]
    assert str(run / of) in told(words, run.parent, capsys)


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name not in IN_ITS_PLACE])
@pytest.mark.parametrize("command", ["paper", "ladder"])
def test_a_comparisons_record(command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"{command}.json"
    file.touch()
    DOCUMENT[name](file)
    recipe = {"paper": "scale=laptop", "ladder": "experiment=smoke"}[command]
    words = [command, "maps=[3m]", "seeds=[1]", recipe, f"run_dir={tmp_path}", "--dry-run"]
    assert str(file) in told(words, tmp_path, capsys)


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name not in IN_ITS_PLACE])
def test_the_record_of_seeds(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seeds.json"
    file.touch()
    DOCUMENT[name](file)
    assert str(file) in told(["train", f"resume={tmp_path}"], tmp_path, capsys)


@pytest.mark.parametrize("name", [name for name in DOCUMENT if name not in IN_ITS_PLACE])
def test_a_file_of_marl_eval(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "marl_eval.json"
    file.touch()
    DOCUMENT[name](file)
    assert str(file) in told(["report", str(file), f"out={tmp_path / 'out'}"], tmp_path, capsys)


@pytest.mark.parametrize("won", ["NaN", "1e400", "9.0", "null"])
def test_an_impossible_win_rate_of_marl_eval(won: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "marl_eval.json"
    steps = f'{{"step_1": {{"step_count": 100, "elapsed_time": 1, "win_rate": [{won}]}}}}'
    file.write_text(f'{{"skirmish": {{"3m": {{"qmix": {{"seed_1": {steps}}}}}}}}}')
    assert str(file) in told(["report", str(file), f"out={tmp_path / 'out'}"], tmp_path, capsys)


def test_one_damaged_run_among_several_is_named_and_no_report_is_written(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Left out in silence it would change what the table says of the others."""
    other = run.parent / "other"
    shutil.copytree(run, other)
    d.first_line("null")(other / "metrics.jsonl")
    text = told(["report", str(run.parent), "episodes=0"], run.parent, capsys)
    assert f"{other / 'metrics.jsonl'}, line 1, is damaged" in text
    assert "do without this run" in text


@pytest.mark.slow
def test_seeds_go_on_beside_a_damaged_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged seed is refused by itself, by name, in its log; its folder stays as it is."""
    place = tmp_path / "seeds"
    assert main(["train", *SMALL, "seeds=[1,2]", f"run_dir={place}"]) == 0
    file = place / "seed-1" / "metrics.jsonl"
    d.first_line("null")(file)
    before = d.content(place / "seed-1")
    capsys.readouterr()
    assert main(["train", f"resume={place}", "stop.env_steps=1100"]) == 1
    assert "seed 1 failed; its log:" in capsys.readouterr().out
    log = (place / "logs" / "seed-1.log").read_text()
    assert f"{file}, line 1, is damaged" in log
    assert "Traceback" not in log
    assert d.content(place / "seed-1") == before
    assert json.loads((place / "seed-2" / "summary.json").read_bytes())["evaluations"] > 0
