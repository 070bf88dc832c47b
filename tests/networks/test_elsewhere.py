"""The way through the code that a GPU takes: on a device that is not there, with graphs that are not captured."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fedqmix.clients import learning
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.learning import train_step
from fedqmix.clients.rows import rows_batched
from fedqmix.networks.gru import Recurrence
from fedqmix.networks.gru_captured import CapturedUnroll
from fedqmix.networks.gru_recurrence import unroll
from fedqmix.runtime.cli import train_seeds
from fedqmix.runtime.cli.main import EXIT_INTERRUPTED, main
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.runs.lifecycle import sides
from fedqmix.runtime.runs.local import team as local_team
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from support.elsewhere import ELSEWHERE, Distant, pretended, waits
from support.episodes import random_episode, store, with_individual_rewards
from support.toy_team import MODEL, algorithm
from support.toy_world import toy_spec

BATCH, LIMIT, AGENTS, WIDTH = 5, 7, 3, 4


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def outcome(recurrence: Recurrence, lengths: list[int], place: torch.device) -> list[torch.Tensor]:
    """Hidden states and the gradients of the three inputs, here."""
    order = timeline(torch.tensor(lengths).numpy())
    inputs = [drawn(AGENTS, order.moments, 3 * WIDTH), drawn(AGENTS, WIDTH, 3 * WIDTH), drawn(AGENTS, 3 * WIDTH)]
    inputs = [value.to(place).requires_grad_() for value in inputs]
    hidden = recurrence(*inputs, order)
    (hidden * drawn(*hidden.shape).to(place)).sum().backward()
    return [value.detach().cpu() for value in (hidden, *(value.grad for value in inputs))]


def test_what_is_here_and_there_cannot_be_mixed(monkeypatch):
    with pretended(monkeypatch):
        there = torch.ones(3).to(ELSEWHERE)
        assert isinstance(there, Distant)
        assert (2 * there + torch.ones(())).sum().item() == 9
        for wrong in (lambda: there + torch.ones(3), lambda: torch.stack([there.sum(), torch.ones(())])):
            with pytest.raises(RuntimeError, match="same device"):
                wrong()


def test_a_captured_unroll_is_the_unroll(monkeypatch):
    batches = [7, 7, 4, 2, 1], [7] * BATCH, [3, 3, 1, 1, 1], [6, 5, 4, 3, 2]
    plain = [outcome(unroll, lengths, torch.device("cpu")) for lengths in batches]
    with pretended(monkeypatch) as capture:
        captured = CapturedUnroll(BATCH, LIMIT, capture)
        found = [outcome(captured, lengths, ELSEWHERE) for lengths in batches]
        with torch.no_grad():
            order = timeline(torch.tensor(batches[0]).numpy())
            gates = drawn(AGENTS, order.moments, 3 * WIDTH), drawn(AGENTS, WIDTH, 3 * WIDTH), drawn(AGENTS, 3 * WIDTH)
            without = captured(*(value.to(ELSEWHERE) for value in gates), order).cpu()
        assert {wanted: loop.calls for wanted, loop in captured._loops.items()} == {
            (AGENTS, True): 4,
            (AGENTS, False): 1,
        }
    for one, other in zip(plain, found, strict=True):
        for expected, value in zip(one, other, strict=True):
            torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(without, plain[0][0], rtol=1e-12, atol=1e-12)


def test_a_batch_of_another_size_is_refused(monkeypatch):
    with pretended(monkeypatch) as capture, pytest.raises(ValueError, match="5 episodes, called with 2"):
        outcome(CapturedUnroll(BATCH, LIMIT, capture), [2, 1], ELSEWHERE)


def test_a_graph_that_waits_for_the_host_would_be_seen(monkeypatch):
    with pretended(monkeypatch) as capture:
        waits = capture(lambda value: value * float(value.sum()), (torch.zeros(2).to(ELSEWHERE),))
        with pytest.raises(RuntimeError, match="cannot wait for the host"):
            waits(torch.ones(2).to(ELSEWHERE))


@pytest.mark.parametrize(
    "words",
    [
        ["algorithm=qmix", "strategy=a_pps"],
        pytest.param(["algorithm=vdn", "strategy=full_sharing"], marks=pytest.mark.slow),
        pytest.param(
            ["algorithm=iql", "strategy=rs_pps", "strategy.reward=policy", "strategy.policy_episodes=2"],
            marks=pytest.mark.slow,
        ),
        pytest.param(["algorithm=iql", "algorithm.reward=individual"], marks=pytest.mark.slow),
    ],
    ids=["qmix", "vdn-full_sharing", "iql-policy", "iql-individual"],
)
def test_a_run_elsewhere_and_resumed_learns_what_one_here_learns(words, tmp_path: Path, monkeypatch):
    short = ["algorithm.batch_size=4", "strategy.aggregation_interval=3", "evaluation.episodes=2"]
    usual = [
        "train",
        "experiment=smoke",
        "map=3m",
        "runtime.threads=1",
        "evaluation.every_env_steps=100",
        *short,
        *words,
    ]

    def learned(place: str) -> list[dict[str, float]]:
        """Train for two rounds, then go on for a third."""
        run = tmp_path / place
        assert main([*usual, "stop.rounds=2", f"run_dir={run}"]) == 0
        assert main(["train", f"resume={run}", "stop.rounds=3"]) == 0
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["round"] == 3
        figure = "grad_norm" if "algorithm.reward=individual" in words else "loss"
        return [{name: line[name] for name in ("env_step", figure, "test_return_mean")} for line in lines]

    here = learned("here")
    monkeypatch.setattr(sides, "choose_device", lambda name: ELSEWHERE)
    with pretended(monkeypatch) as capture, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "for .* copying from a non-meta parameter")  # they are copied
        unrolls: list[CapturedUnroll] = []
        monkeypatch.setattr(local_team, "AgentSide", captured_side(capture, unrolls))
        there = learned("there")
    assert all({gradient for _, gradient in captured._loops} == {True, False} for captured in unrolls)
    assert len(here) == len(there) >= 3
    for one, other in zip(here, there, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(("method", "reward", "times"), [("qmix", "team", 3), ("iql", "individual", 2)])
def test_the_host_waits_three_times_in_a_training_step(monkeypatch, method, reward, times):
    """For the loss, whether all gradients are finite, and the norm; each lets a GPU run dry.

    Agents that compute their losses themselves do not read them.
    """
    spec = toy_spec(n_agents=3, n_actions=6, limit=LIMIT)
    settings = algorithm(name=method, reward=reward, batch_size=BATCH)
    with pretended(monkeypatch) as capture:
        agents = AgentStack(range(3), spec, MODEL, settings, 5, ELSEWHERE)
        agents.networks.network.recurrence = CapturedUnroll(BATCH, LIMIT, capture)
        learner = TeamLearner(spec, settings, TeamRecords(spec, settings.buffer_size, ELSEWHERE), 5, ELSEWHERE)
        random = np.random.default_rng(3)
        drawn = [random_episode(random, spec, length, True) for length in range(2, LIMIT + 1)]
        store([with_individual_rewards(random, one, spec.n_agents) for one in drawn], agents, learner)
        train_step(agents, learner)  # what is captured waits
        before = waits()
        train_step(agents, learner)
        assert waits() - before == times


SEEDS = ["train", "experiment=smoke", "map=3m", "runtime.threads=1", "algorithm.batch_size=4"]
SEEDS += ["strategy.aggregation_interval=3", "evaluation.episodes=2"]


@pytest.fixture
def sizes(monkeypatch) -> Iterator[list[int]]:
    """Let several seeds train elsewhere in one program; gives how many learned together in each training step."""
    found: list[int] = []

    def counted(requests):
        found.append(len(requests))
        return rows_batched(requests)

    for place in (sides, train_seeds):
        monkeypatch.setattr(place, "choose_device", lambda name: ELSEWHERE)
    monkeypatch.setattr(learning, "rows_batched", counted)
    with pretended(monkeypatch) as capture, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "for .* copying from a non-meta parameter")  # they are copied
        monkeypatch.setattr(local_team, "AgentSide", captured_side(capture, []))
        yield found


def assert_single(words: list[str], seed: int, together: Path, single: Path) -> None:
    """One of several seeds has the evaluations of its single run, which is trained now."""
    assert main([*words, f"seed={seed}", f"run_dir={single}"]) == 0
    names = ("env_step", "round", "loss", "test_return_mean")
    lines = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (together / f"seed-{seed}", single)
    ]
    ours, theirs = ([{name: line[name] for name in names if name in line} for line in run] for run in lines)
    assert len(ours) == len(theirs) >= 2
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_seeds_in_one_program_are_their_single_runs(sizes, tmp_path: Path):
    words = [*SEEDS, "stop.rounds=2", "stop.env_steps=10000", "evaluation.every_env_steps=100"]
    assert main([*words, "seeds=[1,2]", f"run_dir={tmp_path / 'all'}"]) == 0
    assert set(sizes) == {2}
    for seed in (1, 2):
        assert_single(words, seed, tmp_path / "all", tmp_path / f"single-{seed}")


@pytest.mark.slow
def test_seeds_in_one_program_that_end_at_different_times_and_were_interrupted(sizes, tmp_path: Path):
    words, together = [*SEEDS, "stop.env_steps=900", "evaluation.every_env_steps=150"], tmp_path / "all"

    def interrupt() -> None:
        while not list((together / "seed-2" / "checkpoints").glob("round-00000[2-9]")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert main([*words, "seeds=[1,2,3]", f"run_dir={together}"]) == EXIT_INTERRUPTED
    for seed in (1, 2, 3):
        summary = json.loads((together / f"seed-{seed}" / "summary.json").read_text())
        assert summary["outcome"] == "interrupted"
    assert main(["train", f"resume={together}"]) == 0
    assert 3 in sizes
    assert set(sizes) != {3}  # those that end later learn on
    for seed in (1, 2, 3):
        assert_single(words, seed, together, tmp_path / f"single-{seed}")


def captured_side(capture, unrolls):
    """An AgentSide whose agents unroll with captured graphs, as on a GPU; they are added to unrolls."""

    class Side(sides.AgentSide):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            spec, learning = self.agents.spec, self.agents.learning
            assert self.agents.compiled is None
            self.agents.networks.network.recurrence = CapturedUnroll(learning.batch_size, spec.episode_limit, capture)
            unrolls.append(self.agents.networks.network.recurrence)

    return Side
