"""summary.json and marl_eval.json."""

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.core.world import Score
from fedqmix.server.records import Outcome, best_row, marl_eval, score_of, summarise, write_json
from support.played import config, rows

COMMAND = ["fedqmix", "train", "strategy=a_pps", "run_dir=my runs/first"]


def summary(count: int, outcome: Outcome = Outcome.FINISHED) -> dict[str, Any]:
    return summarise(
        config(),
        rows(count),
        command=COMMAND,
        run_id="f" * 16,
        wall_clock_s=12.5,
        outcome=outcome,
        game="a game",
        score=Score.WIN_RATE,
    )


def test_summary_says_how_it_ended_and_how_to_do_it_again() -> None:
    written = json.loads(json.dumps(summary(8), allow_nan=False))
    assert written["outcome"] == "finished"
    assert summary(8, Outcome.INTERRUPTED)["outcome"] == "interrupted"
    assert shlex.split(written["command"]) == COMMAND
    names = [written[key] for key in ("map", "env", "algorithm", "strategy", "experiment", "seed", "run_id")]
    assert names == ["3m", "skirmish", "qmix", "a_pps", "smoke", 7, "f" * 16]
    assert (written["wall_clock_s"], written["evaluations"]) == (12.5, 8)
    assert written["final"] == rows(8)[7]
    assert written["best"] == rows(8)[7]
    assert written["score"] == "win_rate"
    assert written["first_won_0.9"] == {"env_step": 3500, "elapsed_s": 7 / 3}


def test_summary_names_all_versions_and_the_machine() -> None:
    versions = summary(1)["versions"]
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    for package in ("torch", "flwr", "numpy", "numba"):
        assert versions[package] == metadata.version(package)
    assert "fedqmix" in versions
    machine = summary(1)["machine"]
    assert machine["os"]
    assert machine["cpu"]
    assert machine["cores"] >= 1


def test_a_run_interrupted_before_its_first_evaluation_has_a_summary() -> None:
    written = summary(0, Outcome.INTERRUPTED)
    assert (written["final"], written["best"], written["first_won_0.9"], written["evaluations"]) == (
        None,
        None,
        None,
        0,
    )


def test_best_is_the_highest_win_rate_then_return_then_the_earliest() -> None:
    def row(won: float, gained: float, step: int) -> dict[str, float | int]:
        return {"test_battle_won_mean": won, "test_return_mean": gained, "env_step": step}

    assert best_row([row(0.5, 9, 1), row(0.9, 3, 2), row(0.9, 4, 3), row(0.9, 4, 4), row(0.1, 20, 5)]) == row(0.9, 4, 3)
    assert best_row([]) is None


def test_without_wins_the_best_is_the_highest_return_of_any_sign() -> None:
    def row(gained: float, step: int) -> dict[str, float | int]:
        return {"test_return_mean": gained, "env_step": step}

    assert best_row([row(-9, 1), row(-3, 2), row(-3, 3), row(-20, 4)]) == row(-3, 2)


def test_a_run_without_wins_has_no_win_rate_in_its_documents() -> None:
    made = [{name: value for name, value in row.items() if "won" not in name} for row in rows(4)]
    written = summarise(
        config(),
        made,
        command=COMMAND,
        run_id="f" * 16,
        wall_clock_s=12.5,
        outcome=Outcome.FINISHED,
        game="a game",
        score=Score.RETURN,
    )
    assert written["score"] == "return"
    assert written["best"] == made[3]
    assert not any(name.startswith("first_won") for name in written)
    document = json.loads(json.dumps(marl_eval(config(), made), allow_nan=False))
    check_schema(document)
    assert set(document["skirmish"]["3m"]["qmix-a_pps"]["seed_7"]["absolute_metrics"]) == {"return", "episode_length"}


@pytest.mark.parametrize("score", list(Score))
def test_the_score_is_that_of_the_rows_then_of_the_summary_then_the_win_rate(score: Score) -> None:
    without = [{"test_return_mean": -1.0}]
    assert score_of(rows(1), {"score": "return"}) is Score.WIN_RATE
    assert score_of(without, {"score": "win_rate"}) is Score.RETURN
    assert score_of([], {"score": str(score)}) is score
    assert score_of([], {}) is Score.WIN_RATE


def check_schema(document: dict[str, Any]) -> None:
    """Check what marl-eval's README and its DiagnoseData ask of a raw-data file."""
    for environment in document.values():
        for task in environment.values():
            for algorithm in task.values():
                for run in algorithm.values():
                    steps = {name: step for name, step in run.items() if name != "absolute_metrics"}
                    assert list(steps) == [f"step_{k}" for k in range(len(steps))]
                    metrics = set(run["absolute_metrics"])
                    assert metrics
                    for step in steps.values():
                        assert isinstance(step["step_count"], int)
                        assert isinstance(step["elapsed_time"], float)
                        assert set(step) - {"step_count", "elapsed_time"} == metrics
                        assert all(isinstance(step[name], list) and len(step[name]) >= 1 for name in metrics)
                    assert all(name == name.lower() for name in metrics)


def test_marl_eval_document_follows_the_schema() -> None:
    document = json.loads(json.dumps(marl_eval(config("strategy=rs_pps"), rows(4)), allow_nan=False))
    check_schema(document)
    run = document["skirmish"]["3m"]["qmix-rs_pps"]["seed_7"]
    assert run["step_1"] == {
        "step_count": 1000,
        "elapsed_time": 2 / 3,
        "win_rate": [2 / 7],
        "return": [40 / 9],
        "episode_length": [60 - 2 / 11],
    }
    assert run["absolute_metrics"]["win_rate"] == [4 / 7]


def test_marl_eval_prefers_the_long_evaluation() -> None:
    long = {**rows(1)[0], "test_battle_won_mean": 0.875}
    run = marl_eval(config(), rows(4), absolute=long)["skirmish"]["3m"]["qmix-a_pps"]["seed_7"]
    assert run["absolute_metrics"]["win_rate"] == [0.875]


def test_a_document_is_whole_or_the_earlier_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"round": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_json(path, {"round": 2})
    assert json.loads(path.read_text()) == {"round": 1}
