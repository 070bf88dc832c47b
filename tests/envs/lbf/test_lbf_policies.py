"""Hand-written teams of level-based foraging: where they go, and what the benchmark says of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fedqmix.analysis.benchmarks import team_returns
from fedqmix.analysis.benchmarks.team_returns import play_episodes
from fedqmix.envs.lbf.cells import EAST, LOAD, NORTH, SOUTH, WEST
from fedqmix.envs.lbf.policies import ForagingTeam, to_nearest
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.kernels.episodes import NOTHING
from support.foraging import lbf_options

TASK = "Foraging-8x8-2p-3f-v3"
NONE = (-1, -1, 0)

SEEN = {
    "above": ([(1, 4, 2), NONE], NORTH),
    "below": ([(7, 4, 2), NONE], SOUTH),
    "left": ([(5, 1, 2), NONE], WEST),
    "right": ([(5, 6, 2), NONE], EAST),
    "the nearer one": ([(1, 4, 2), (4, 6, 1)], EAST),
    "beside": ([(1, 4, 2), (4, 3, 3)], LOAD),
    "rows first, where both ways are equally long": ([(6, 6, 1), NONE], SOUTH),
    "nothing": ([NONE, NONE], NOTHING),
}


@pytest.mark.parametrize("case", SEEN)
def test_the_way_to_the_nearest_food(case: str) -> None:
    foods, action = SEEN[case]
    observation = np.array([*np.ravel(foods), 4, 4, 1, 7, 7, 1], np.float32)
    assert to_nearest(observation[None, None], 2)[0, 0] == action


def test_who_looks_for_food_earns_more() -> None:
    returns = {
        policy: play_episodes(ForagingTeam(policy, 3, 0), TASK, lbf_options(), 300, seed=0).returns.mean()
        for policy in ("random", "nearest")
    }
    assert 0.1 < returns["random"] < 0.3
    assert returns["nearest"] > 0.5


def test_an_episode_is_the_same_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def played() -> Any:
        return play_episodes(ForagingTeam("nearest", 3, 2), TASK, lbf_options(), 7, seed=5)

    together = played()
    monkeypatch.setattr(team_returns, "BATCH", 3)
    for one, other in zip(together, played(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_benchmark_prints_the_returns_of_teams(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "foraging", f"maps={TASK},Foraging-6x6-2p-1f-v3", "episodes=20", "threads=1"]
    assert main([*words, "policies=nearest", "env.sight=3"]) == 0
    results = json.loads(capfd.readouterr().out)["results"]
    assert set(results) == {TASK, "Foraging-6x6-2p-1f-v3"}
    for figures in results.values():
        assert set(figures) == {"nearest"}
        assert 0 < figures["nearest"]["return_mean"] <= 1
        assert 0 < figures["nearest"]["ep_length_mean"] <= 50
    assert main([*words, "policies=greedy"]) == 2
    assert "unknown policy 'greedy'" in capfd.readouterr().err
