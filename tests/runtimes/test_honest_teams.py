"""Honest teams stay far below the bounds of server.bounds, and compute what they would without them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from compared import assert_equal_runs, final_tensors

from clients.rounds import RoundPlan, train_round
from envs import available_maps
from runtimes.cli import main
from runtimes.configuration.settings import compose
from runtimes.local.team import LocalTeam
from server.bounds import AgentBounds, value_ranges

SAFETY = 10
"""How many times below the default bounds honest teams stay, at least (docs/security.md)."""


def train(run_dir: Path, *words: str) -> Path:
    assert main(["train", "experiment=smoke", "stop.rounds=2", f"run_dir={run_dir}", *words]) == 0
    return run_dir


@pytest.mark.parametrize(
    "words", [["algorithm=qmix"], ["algorithm=vdn", "strategy=full_sharing"], ["algorithm=iql"]], ids=" ".join
)
def test_a_run_computes_what_it_would_without_bounds(words: list[str], tmp_path: Path) -> None:
    bounded = train(tmp_path / "bounded", *words)
    free = train(tmp_path / "free", "algorithm.max_q=null", "algorithm.max_gradient=null", *words)
    assert_equal_runs(bounded, free)


def test_a_resumed_run_has_the_largest_reward_of_the_whole_run(tmp_path: Path) -> None:
    first = train(tmp_path / "resumed", "stop.rounds=1")
    seen = final_tensors(first)["mixer/largest_reward"]
    assert float(seen) > 0
    assert main(["train", f"resume={first}", "stop.rounds=2"]) == 0
    assert_equal_runs(train(tmp_path / "whole"), first)
    assert float(final_tensors(first)["mixer/largest_reward"]) >= float(seen)


class Watching:
    """A mixer that holds what it is sent to bounds of its own, and passes it on."""

    def __init__(self, team: LocalTeam, bounds: AgentBounds) -> None:
        self.learner, self.bounds = team.mixer, bounds
        self.steps = 0

    def gradient(self, q_taken: torch.Tensor, q_next: torch.Tensor) -> torch.Tensor:
        ranges = value_ranges(q_taken, q_next).tolist()
        self.bounds.q_values(q_taken, q_next, ranges, self.learner.records.largest_reward, self.steps)
        return self.learner.gradient(q_taken, q_next)

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        self.bounds.rows(gradients, self.steps)
        return self.learner.pool(gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        self.bounds.norms(squared_norms.sqrt().tolist(), self.steps)
        self.steps += 1
        return self.learner.clip(squared_norms)


@pytest.mark.slow
@pytest.mark.parametrize("tie", [False, True], ids=["own networks", "one network"])
@pytest.mark.parametrize("map_", available_maps())
def test_honest_teams_stay_below_a_tenth_of_the_bounds(map_: str, tie: bool) -> None:
    """Norms are compared whether or not they are large enough to shrink anything."""
    words = [f"map={map_}", "experiment=tuned", f"strategy={'full_sharing' if tie else 'a_pps'}", "runtime.device=cpu"]
    sizes = ["algorithm.buffer_size=64", "algorithm.batch_size=16", "algorithm.updates_per_episode=0.5"]
    config = compose([*words, *sizes])
    usual = config.algorithm
    assert usual.max_q is not None
    assert usual.max_gradient is not None
    tenth = dataclasses.replace(
        usual, max_q=usual.max_q / SAFETY, max_gradient=usual.max_gradient / SAFETY, grad_norm_clip=1e-9
    )
    team = LocalTeam(config)
    try:
        watching = Watching(team, AgentBounds(tenth, team.spec.episode_limit))
        train_round(team.agents, team.world, watching, RoundPlan(40, 10**9, tie))
        assert watching.steps == 40
        assert watching.bounds.faults == {}
        assert team.mixer.faults == {}
    finally:
        team.close()
