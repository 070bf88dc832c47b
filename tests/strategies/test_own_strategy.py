"""docs/strategies.md as a reader follows it, and what is refused on the way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fedqmix
from fedqmix.runtime.cli.main import main
from support.paths import python_path

PAGE = Path(fedqmix.__file__).parent / "docs" / "strategies.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, under the names it gives them."""
    found = re.findall(r"`(\w+\.py)`.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in found] == ["rank_pps.py", "test_rank_pps.py"]
    for name, text in found:
        (tmp_path / name).write_text(text)
    return tmp_path


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = python_path(Path("."))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_pages_strategy_has_the_properties(folder: Path) -> None:
    done = python(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_pages_strategy_trains(folder: Path) -> None:
    """The weights in the metrics are the ranks of the rewards beside them."""
    words = ["experiment=smoke", "strategy=own", "strategy.code=rank_pps:RankPPS", "stop.env_steps=600", "run_dir=run"]
    done = python(folder, "fedqmix", "train", *words)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows
    for row in rows:
        rewards = [row[f"fed/reward_{agent}"] for agent in range(3)]
        ranks = [sum(other <= own for other in rewards) for own in rewards]
        assert [row[f"fed/weight_{agent}"] for agent in range(3)] == [rank / sum(ranks) for rank in ranks]
    assert "code: rank_pps:RankPPS" in (folder / "run" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["strategy=own"], "strategy.code=null: a file or a module"),
        (["strategy=own", "strategy.code=fedqmix.strategies.a_pps"], "a class in it are needed"),
        (["strategy=own", "strategy.code=nowhere_at_all:It"], "PYTHONPATH"),
        (["strategy=own", "strategy.code=fedqmix.strategies.a_pps:Averge"], "Averge"),
        (
            ["strategy=own", "strategy.code=fedqmix.strategies.a_pps:uniform"],
            "derive it from fedqmix.strategies.TeamStrategy",
        ),
        (["strategy=own", "strategy.code=fedqmix.strategies.team:TeamStrategy"], "does not implement weights"),
        (["-m", "strategy=own", "strategy.code=nowhere_at_all:It"], "PYTHONPATH"),
        (["seeds=[1,2]", "strategy=own", "strategy.code=nowhere_at_all:It"], "PYTHONPATH"),
        (["strategy=a_pps", "strategy.code=fedqmix.strategies.a_pps:AveragePPS"], "write strategy=own"),
    ],
)
def test_what_is_no_strategy_is_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    told = ["experiment=smoke", *words, f"run_dir={tmp_path / 'run'}"]
    assert main(["train", *told]) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert not (tmp_path / "run").exists()


MEDIAN = """
from fedqmix.strategies import TeamStrategy
from fedqmix.strategies.a_pps import AveragePPS


class Median(AveragePPS):
    def aggregate_train(self, server_round, replies):
        return super().aggregate_train(server_round, replies)


class Combining(AveragePPS):
    def combine(self, contents, weights):
        return super().combine(contents, weights)


class Leaning(AveragePPS):
    def mixing_matrix(self, name, rewards):
        return super().mixing_matrix(name, rewards)


class Masked(AveragePPS):
    def masks(self, name, shape):
        return None


class Both(Combining, Masked):
    pass


class Tied(AveragePPS):
    tie_gradients = True
"""


@pytest.mark.parametrize(
    ("name", "word", "expected"),
    [
        ("Median", "strategy.server_optimiser=adam", "overrides aggregate_train"),
        ("Median", "strategy.share_targets=true", "strategy.share_targets=true reduces the cost of a weighted average"),
        ("Median", "strategy.adam_moments=average", "leave strategy.adam_moments out"),
        ("Median", "strategy.proximal_mu=0.1", None),
        ("Median", "strategy.adam_moments=reset", None),
        ("Tied", "strategy.proximal_mu=0.1", "ties gradients"),
        ("Median", "strategy.clip_update=1", "overrides aggregate_train: leave strategy.clip_update out"),
        ("Combining", "strategy.clip_update=1", "overrides combine: leave strategy.clip_update out"),
        ("Combining", "strategy.share_targets=true", None),
        ("Leaning", "strategy.server_optimiser=momentum", "overrides mixing_matrix: leave strategy.server_opt"),
        ("Masked", "strategy.server_optimiser=adam", "overrides masks: leave strategy.server_optimiser out"),
        ("Both", "strategy.aggregation_interval=4", "overrides combine, which computes one aggregate for all agents"),
    ],
)
def test_what_acts_upon_an_average_needs_one(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    word: str,
    expected: str | None,
) -> None:
    (tmp_path / "my_median.py").write_text(MEDIAN)
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["experiment=smoke", "strategy=own", f"strategy.code=my_median:{name}", word, "stop.rounds=1"]
    status = main(["train", *words, f"run_dir={tmp_path / 'run'}"])
    assert status == (0 if expected is None else 2)
    assert (expected or "") in capfd.readouterr().err
    assert (tmp_path / "run").exists() == (expected is None)


def test_a_module_that_fails_is_told_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_at_once.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["experiment=smoke", "strategy=own", "strategy.code=fails_at_once:It", f"run_dir={tmp_path / 'run'}"]
    assert main(["train", *words]) == 2
    assert "ZeroDivisionError: division by zero" in capfd.readouterr().err
