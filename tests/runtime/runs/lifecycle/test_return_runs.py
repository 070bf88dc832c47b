"""Whole runs in a world where nothing can be won and every return is negative: what leads them is the return."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import fedqmix
from fedqmix.runtime.cli.main import EXIT_BAD_INPUT, main
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.storage import reading
from fedqmix.server.records import best_row
from support.compared import assert_equal_runs, rows
from support.cost_suite import TASK, installed
from support.run_folders import write_run

TINY = ["experiment=quick", f"map={TASK}", "algorithm.batch_size=8", "algorithm.buffer_size=64", "model.hidden=8"]
TINY += ["algorithm.learning_rate=0.05", "strategy.aggregation_interval=2", "evaluation.every_env_steps=1"]
TINY += ["evaluation.episodes=6", "seed=4"]
LONG = [*TINY, "stop.rounds=8", "evaluation.starts=both", "evaluation.around_aggregation=true"]
SPREADS = {"test_return_std", "test_fixed_return_std", "test_before_return_std"}


@pytest.fixture(autouse=True, scope="module")
def costs() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of eight rounds."""
    path = tmp_path_factory.mktemp("returns") / "run"
    assert main(["train", *LONG, f"run_dir='{path}'"]) == 0
    return path


def returns(path: Path) -> list[float]:
    return [row["test_return_mean"] for row in rows(path)]


def test_rows_have_returns_with_their_spread_and_no_win_rate(run: Path) -> None:
    found = rows(run)
    assert len(found) == 8
    for row in found:
        assert not any("won" in name for name in row)
        assert all(row[name] > 0 for name in SPREADS)
        assert all(row[name.replace("std", "mean")] < 0 for name in SPREADS)
    assert any(row["test_return_mean"] != row["test_fixed_return_mean"] for row in found)
    assert any(row["test_return_std"] != row["test_before_return_std"] for row in found)
    assert all(row["return_mean"] < 0 for row in found if "return_mean" in row)


def test_the_spread_is_over_the_evaluations_episodes(run: Path) -> None:
    row, team = rows(run)[-1], fedqmix.load(run)
    again = fedqmix.evaluate(team, 6, first_episode=6 * 7)
    assert again.mean_return == row["test_return_mean"]
    mean = sum(again.returns) / 6
    spread = (sum((one - mean) ** 2 for one in again.returns) / 6) ** 0.5
    assert row["test_return_std"] == pytest.approx(spread)


def test_the_best_networks_are_those_of_the_highest_return(run: Path) -> None:
    """All are negative; a best return of 0 to begin with would leave no network the best."""
    best = best_row(rows(run))
    assert best is not None
    assert best["test_return_mean"] == max(returns(run)) < 0
    kept = reading.load(run / "checkpoints" / "best")
    assert {name: value for name, value in kept.facts.items() if name != "elapsed_s"} == best
    assert fedqmix.Run(run).team("best").round == best["round"]


def test_what_is_written_beside_the_rows_names_the_score(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["score"] == "return"
    assert summary["best"]["test_return_mean"] == max(returns(run))
    assert "first_won_0.9" not in summary
    (seeds,) = json.loads((run / "marl_eval.json").read_text())["skirmish"][TASK].values()
    assert set(seeds["seed_4"]["step_0"]) == {"step_count", "elapsed_time", "return", "episode_length"}
    assert seeds["seed_4"]["absolute_metrics"]["return"] == [max(returns(run))]


def test_an_experiments_win_rate_is_no_condition_of_its_end(run: Path) -> None:
    assert load(run).stop.win_rate is None
    assert "  win_rate: null" in (run / "config.yaml").read_text()


def test_a_resumed_run_keeps_the_best(run: Path, tmp_path: Path) -> None:
    cut, rounds = tmp_path / "cut", returns(run).index(max(returns(run))) + 1
    early = min(rounds + 1, 7)
    assert main(["train", *LONG[:-3], f"stop.rounds={early}", *LONG[-2:], f"run_dir='{cut}'"]) == 0
    assert main(["train", f"resume='{cut}'", "stop.rounds=8"]) == 0
    assert_equal_runs(run, cut)
    assert fedqmix.Run(cut).team("best").round == fedqmix.Run(run).team("best").round == rounds


def test_a_return_ends_training_early(run: Path, tmp_path: Path) -> None:
    """Any two evaluations in a row reach a return below all of them; none reaches one above all."""
    low, high = min(returns(run)) - 1, max(returns(run)) + 1
    stop = [*TINY, "stop.rounds=5", "stop.evaluations=2"]
    assert main(["train", *stop, f"stop.return_mean={low}", f"run_dir='{tmp_path / 'low'}'"]) == 0
    assert main(["train", *stop, f"stop.return_mean={high}", f"run_dir='{tmp_path / 'high'}'"]) == 0
    assert (len(rows(tmp_path / "low")), len(rows(tmp_path / "high"))) == (2, 5)
    assert json.loads((tmp_path / "low" / "summary.json").read_text())["outcome"] == "finished"


@pytest.mark.parametrize("word", ["stop.win_rate=0.9", "stop={win_rate: 0.9}"])
def test_a_win_rate_to_stop_at_is_refused(word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, word, f"run_dir='{tmp_path / 'run'}'"]) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert f"stop.win_rate=0.9 with env=skirmish map={TASK}" in said
    assert "no episode can be won. Write stop.return_mean=" in said
    assert not (tmp_path / "run").exists()


def test_and_when_a_run_is_resumed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "config.yaml").read_text()
    assert main(["train", f"resume='{run}'", "stop.win_rate=0.9"]) == EXIT_BAD_INPUT
    assert "no episode can be won" in capsys.readouterr().err
    assert (run / "config.yaml").read_text() == before


def test_python_gives_the_score(run: Path) -> None:
    found = fedqmix.Run(run)
    assert (found.score, found.score_kind, found.win_rate) == (returns(run)[-1], Score.RETURN, None)
    assert repr(found).endswith(f"environment steps, return {returns(run)[-1]:.2f}>")
    evaluation = fedqmix.evaluate(found.team(), 40)
    assert (evaluation.score, evaluation.win_rate, evaluation.win_rate_interval, evaluation.won) == (
        *("return", None, None),
        (),
    )
    low, high = evaluation.return_interval
    assert low < evaluation.mean_return < high < 0
    # 95 % of a normal mean; the bootstrap's ends are near
    width = 2 * 1.96 * evaluation.return_std / 40**0.5
    assert high - low == pytest.approx(width, rel=0.2)
    assert str(evaluation).startswith(f"{TASK}: return {evaluation.mean_return:.2f} [{low:.2f}, {high:.2f}]")
    assert json.loads(json.dumps(evaluation.as_dict()))["score"] == "return"


def test_the_terminal_shows_the_return_first(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"resume='{run}'", "stop.rounds=9"]) == 0
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if line.startswith("env step"))
    assert line.split("  ")[1:4] == [
        "round 9",
        f"return {returns(run)[-1]:.2f}",
        f"std {rows(run)[-1]['test_return_std']:.2f}",
    ]
    table = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["return", f"{returns(run)[-1]:.2f}", f"{max(returns(run)):.2f}"] in table
    assert "won" not in said
    assert "win rate" not in said


def test_a_report_is_of_returns(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["report", str(run), f"out={out}", "episodes=40"]) == 0
    text = (out / "report.md").read_text()
    assert "## Returns" in text
    assert "final return | best return" in text
    assert "win rate" not in text.lower()
    assert f"{max(returns(run)):.3f}" in text
    assert (out / "curves.svg").is_file()
    assert (out / "cost-returns.svg").is_file()
    assert not (out / "returns.svg").exists()  # the same as curves.svg
    assert not (out / "cost-won.svg").exists()
    kept = json.loads((run / "evaluation.json").read_text())["final"]["result"]
    assert kept["return_low"] < kept["mean_return"] < kept["return_high"]
    assert f"{kept['mean_return']:.3f} [{kept['return_low']:.3f}, {kept['return_high']:.3f}]" in text


def test_win_rates_and_returns_are_not_compared(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    won = shutil.copytree(run, tmp_path / "won")
    lines = [{**json.loads(line), "test_battle_won_mean": 0.5} for line in (won / "metrics.jsonl").open()]
    (won / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = json.loads((won / "summary.json").read_text())
    (won / "summary.json").write_text(json.dumps({**summary, "score": "win_rate"}))
    assert main(["report", str(run), str(won), f"out={tmp_path / 'out'}", "episodes=0"]) == EXIT_BAD_INPUT
    said = " ".join(capsys.readouterr().err.split())
    assert "they differ in score: return in" in said
    assert "win_rate in" in said
    assert not (tmp_path / "out").exists()


def test_rows_without_their_win_rate_are_not_taken_for_returns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A win-rate run whose rows have lost the metric is damaged, as its summary names the score."""
    path = write_run(tmp_path / "run", [0.25, 0.5], f"map={TASK}")
    lines = [json.loads(line) for line in (path / "metrics.jsonl").open()]
    for line in lines:
        del line["test_battle_won_mean"]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["report", str(path), f"out={tmp_path / 'out'}"]) == EXIT_BAD_INPUT
    said = " ".join(capsys.readouterr().err.split())
    assert "its rows' score is the return, and summary.json names the win rate" in said
