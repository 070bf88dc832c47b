"""`fedqmix bench` prints figures as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedqmix.analysis.benchmarks.learner import products
from fedqmix.networks import make_network
from fedqmix.runtime.cli.bench_progress import CountBar
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["bench", *words]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert isinstance(figures, dict)
    return figures


def test_bench_world(capfd: pytest.CaptureFixture[str]) -> None:
    figures = printed(capfd, "world", "maps=3m,8m", "batches=1,4", "threads=1", "seconds=0.05")
    rates = figures["env_steps_per_second"]
    assert isinstance(rates, dict)
    assert {name: set(by_batch) for name, by_batch in rates.items()} == {"3m": {"1", "4"}, "8m": {"1", "4"}}
    assert all(rate > 0 for by_batch in rates.values() for rate in by_batch.values())
    assert figures["command"] == "fedqmix bench world maps=3m,8m batches=1,4 threads=1 seconds=0.05"


def test_bench_collecting(capfd: pytest.CaptureFixture[str]) -> None:
    figures = printed(capfd, "collecting", "maps=3m", "batches=1,3", "seconds=0.01", "algorithm=vdn")
    rates = figures["env_steps_per_second"]
    assert isinstance(rates, dict)
    assert rates["3m"].keys() == {"1", "3"}
    assert all(rate > 0 for rate in rates["3m"].values())


@pytest.mark.parametrize("lengths", ["full", "mixed"])
def test_bench_learner(capfd: pytest.CaptureFixture[str], lengths: str) -> None:
    figures = printed(capfd, "learner", "maps=3m", "batches=4", "repeats=2", f"lengths={lengths}", "algorithm=vdn")
    steps = figures["train_step"]
    assert isinstance(steps, dict)
    assert steps["3m"]["4"].keys() == {"mean_length", "ms", "floor_ms", "times_floor"}
    assert steps["3m"]["4"]["floor_ms"] > 0
    assert figures["algorithm"] == "vdn"


def test_bench_learner_of_several_seeds_has_the_products_of_all(capfd: pytest.CaptureFixture[str]) -> None:
    words = ("learner", "maps=3m", "batches=4", "repeats=1", "lengths=full", "steps=6", "algorithm=vdn")
    counted = [printed(capfd, *words, f"seeds={seeds}") for seeds in (1, 3)]
    operations = [one["train_step"]["3m"]["4"]["floor_ms"] * one["sgemm_gflops"] for one in counted]
    assert [one["seeds"] for one in counted] == [1, 3]
    assert operations[1] == pytest.approx(3 * operations[0], rel=0.15)  # printed to a hundredth of a millisecond


def test_the_floor_counts_every_product_once_forward_twice_backward() -> None:
    spec = TeamSpec("toy", n_agents=2, n_actions=3, observation=Flat(4), state=Flat(5), episode_limit=7)
    config = compose(["algorithm=vdn"], maps=["3m"])
    records = TeamRecords(spec, 4, torch.device("cpu"))
    learner = TeamLearner(spec, config.algorithm, records, 1, torch.device("cpu"))
    lengths = np.array([3, 1])  # 4 + 2 moments
    shapes = make_network(replace(config.model, hidden=8), spec).shapes()
    forward = sum(rows * columns for rows, columns in (shape for shape in shapes.values() if len(shape) == 2))
    first_layer = (4 + 3 + 2) * 8  # nobody needs the gradient of the observations
    assert products(spec, learner, shapes, lengths) == 2 * 2 * 6 * (4 * forward - first_layer)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bench", "wrld"], "did you mean 'world'"),
        (["bench", "world", "maps=3M"], "did you mean '3m'"),
        (["bench", "world", "batches=0"], "above 0"),
        (["bench", "world", "seconds=soon"], "above 0"),
        (["bench", "learner", "lengths=long"], "Allowed: mixed, full"),
        (["bench", "learner", "algoritm=vdn"], "algorithm=vdn"),
        (["trian"], "did you mean 'train'"),
    ],
)
def test_bad_words_are_refused(capfd: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    assert main(words) == 2
    message = capfd.readouterr().err
    assert expected in message
    assert "Traceback" not in message


def test_without_a_terminal_a_count_is_told_in_lines_but_not_too_many(capfd: pytest.CaptureFixture[str]) -> None:
    with CountBar(30, seldom=0.0) as bar:
        bar.tell("3m", "try 1", 10)
        bar.tell("3m", "try 2", 10)
    assert capfd.readouterr().err.splitlines() == ["3m try 1: 10 of 30 episodes", "3m try 2: 20 of 30 episodes"]
    with CountBar(30, seldom=1000.0) as bar:
        bar.tell("3m", "try 1", 30)
    assert capfd.readouterr() == ("", "")
