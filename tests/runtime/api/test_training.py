"""fedqmix.train: the command's results, progress by callback or not at all, and errors instead of exits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

import fedqmix
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.kernels.thread_pool import ThreadPool

TINY = ("experiment=smoke", "map=3m", "model=mlp", "stop.env_steps=600")


def timeless(run: fedqmix.Run) -> list[dict[str, float | int]]:
    return [{name: value for name, value in row.items() if name != "elapsed_s"} for row in run.metrics]


def test_it_is_the_commands_run(tmp_path: Path) -> None:
    run = fedqmix.train(*TINY, f"run_dir='{tmp_path / 'python'}'", progress=False)
    assert main(["train", *TINY, f"run_dir='{tmp_path / 'command'}'"]) == 0
    other = fedqmix.Run(tmp_path / "command")
    assert timeless(run) == timeless(other) != []
    one, same = run.team(), other.team()
    assert all(torch.equal(value, same.parameters[name]) for name, value in one.parameters.items())
    assert run.summary["command"].startswith("fedqmix train experiment=smoke map=3m")


def test_every_round_goes_to_the_callback_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[dict[str, float | int]] = []
    run = fedqmix.train(*TINY, f"run_dir='{tmp_path / 'run'}'", progress=rows.append)
    assert capsys.readouterr().out == ""
    assert [row["round"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row for row in rows if "test_battle_won_mean" in row] == run.metrics
    fedqmix.train(*TINY, "seed=2", f"run_dir='{tmp_path / 'other'}'", progress=False)
    assert capsys.readouterr().out == ""


def test_by_default_it_prints_as_the_command_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fedqmix.train(*TINY, f"run_dir='{tmp_path / 'run'}'")
    printed = capsys.readouterr().out
    assert f"run folder: {tmp_path / 'run'}" in printed
    assert "env step" in printed


def test_it_trains_in_another_thread_and_restores_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ThreadPool, "usual", 3)
    before, results = torch.get_num_threads(), []

    def work() -> None:
        results.append(fedqmix.train(*TINY, "runtime.threads=2", f"run_dir='{tmp_path / 'run'}'", progress=False))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results[0].state == fedqmix.RunState.FINISHED
    assert (torch.get_num_threads(), ThreadPool.usual) == (before, 3)


def test_an_error_of_the_callback_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    def stop(row: dict[str, float | int]) -> None:
        assert fedqmix.Run(tmp_path / "run").state == fedqmix.RunState.RUNNING
        if row["round"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fedqmix.train(*TINY, f"run_dir='{tmp_path / 'run'}'", progress=stop)
    assert fedqmix.Run(tmp_path / "run").state == fedqmix.RunState.STOPPED
    run = fedqmix.train(f"resume='{tmp_path / 'run'}'", progress=False)
    whole = fedqmix.train(*TINY, f"run_dir='{tmp_path / 'whole'}'", progress=False)
    assert timeless(run) == timeless(whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("map=3q",), "unknown map '3q'"),
        (("algorithm.batchsize=3",), "did you mean 'algorithm.batch_size"),
        (("map",), "sets nothing"),
        (("seed=-1",), "out of range"),
        (("seed=1,2",), "several values"),
        (("seeds=[1,2]",), "call it for every seed"),
        (("runtime=deployment",), "fedqmix up"),
        (("strategy=own", "strategy.code=nothing.py:Mine"), "nothing.py"),
    ],
)
def test_a_mistake_raises_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(fedqmix.ConfigurationError, match=message):
        fedqmix.train(*words, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(fedqmix.InputError, match="is not a text"):
        fedqmix.train({"map": "3m"})  # type: ignore[arg-type]
    with pytest.raises(fedqmix.InputError, match="a function is needed"):
        fedqmix.train("map=3m", progress="no")  # type: ignore[arg-type]


def test_several_seeds_are_not_resumed(tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text("{}")
    with pytest.raises(fedqmix.ConfigurationError, match="call it for every seed"):
        fedqmix.train(f"resume='{tmp_path}'")
