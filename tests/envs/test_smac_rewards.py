"""The team reward is SMAC's own number for the same losses; the agents' parts add up to what was credited.

smac_rewards.json holds what StarCraft2Env.step returned for hand-made losses under several reward options.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from worlds import options

from envs import maximum_reward
from envs.maps import load_map
from envs.skirmish.arrays import make_units
from envs.skirmish.rewards import BOTH_DEAD, LOST, ONGOING, WON, make_reward_rules, outcome, write_rewards

CASES = json.loads((Path(__file__).parent / "smac_rewards.json").read_text(encoding="utf-8"))["cases"]


def rewards_of(case, hits) -> tuple[float, np.ndarray, int]:
    record = load_map(case["map"])
    units = make_units(record)[None].copy()
    units["worth_before"][0], units["health"][0] = case["before"], case["after"]
    standing = outcome(units, record.n_agents, 0)
    team, individual = np.zeros(1, np.float32), np.zeros((record.n_agents, 1), np.float32)
    rules = make_reward_rules(record, options(**case["options"]))
    scratch = np.full((1, record.n_agents), 7.0)
    write_rewards(rules, units, hits, record.n_agents, 0, standing, scratch, team, individual)
    return float(team[0]), individual[:, 0], standing


def everybody_hits(case) -> np.ndarray:
    record = load_map(case["map"])
    return np.ones((1, record.n_agents, record.n_enemies), np.bool_)


@pytest.mark.parametrize("case", CASES)
def test_team_reward_equals_smac(case) -> None:
    team, _, standing = rewards_of(case, everybody_hits(case))
    assert team == pytest.approx(case["reward"], abs=1e-5, rel=1e-6)
    assert (standing != ONGOING) == case["terminated"]
    assert (standing == WON) == case["won"]
    assert maximum_reward(case["map"], options(**case["options"])) == case["max_reward"]


def test_the_cases_reach_every_outcome() -> None:
    assert {rewards_of(case, everybody_hits(case))[2] for case in CASES} == {ONGOING, WON, LOST, BOTH_DEAD}


@pytest.mark.parametrize("case", CASES)
def test_individual_rewards_add_up(case) -> None:
    team, individual, _ = rewards_of(case, everybody_hits(case))
    assert individual.sum() == pytest.approx(team, abs=1e-4)


def test_credit_by_hand() -> None:
    """3m, max_reward 365. Enemy 0 loses 12 to agents 0 and 1; enemy 1 loses its last 6 to agent 1; agent 2 idles."""
    case = {"map": "3m", "options": {}, "before": [45, 45, 45, 45, 6, 45], "after": [45, 45, 45, 33, 0, 45]}
    hits = np.zeros((1, 3, 3), np.bool_)
    hits[0, 0, 0] = hits[0, 1, 0] = hits[0, 1, 1] = True
    team, individual, _ = rewards_of(case, hits)
    assert team == pytest.approx(28 / 365 * 20)
    np.testing.assert_allclose(individual, np.array([6, 6 + 16, 0]) / 365 * 20, rtol=1e-6)


def test_the_win_is_shared_by_who_hit_anybody() -> None:
    case = {"map": "3m", "options": {}, "before": [45, 45, 45, 0, 6, 6], "after": [45, 45, 45, 0, 0, 0]}
    hits = np.zeros((1, 3, 3), np.bool_)
    hits[0, 0, 1] = hits[0, 2, 2] = True
    team, individual, standing = rewards_of(case, hits)
    assert standing == WON
    assert team == pytest.approx((32 + 200) / 365 * 20)
    np.testing.assert_allclose(individual, np.array([116, 0, 116]) / 365 * 20, rtol=1e-6)


def test_agents_carry_their_own_losses() -> None:
    env = {"reward_only_positive": False}
    case = {"map": "3m", "options": env, "before": [45, 12, 45, 45, 45, 45], "after": [39, 0, 45, 45, 45, 45]}
    team, individual, _ = rewards_of(case, np.zeros((1, 3, 3), np.bool_))
    np.testing.assert_allclose(individual, np.array([-3, -11, 0]) / 365 * 20, rtol=1e-6)
    assert team == pytest.approx(-14 / 365 * 20)
