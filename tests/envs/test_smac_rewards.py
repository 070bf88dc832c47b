"""The team reward and a battle's end are SMAC's own for the same losses; the agents' parts are what they earned.

smac_rewards.json holds what StarCraft2Env.step returned for hand-made losses under several reward options.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs import maximum_reward
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish import rewards
from fedqmix.envs.skirmish.rewards import BOTH_DEAD, LOST, ONGOING, WON, make_reward_rules
from fedqmix.envs.skirmish.teams import make_catalogue, make_units
from support.callable_rules import callable_kernel
from support.worlds import MAPS, options

outcome, reward_scale = callable_kernel(rewards.outcome), callable_kernel(rewards.reward_scale)
write_rewards = callable_kernel(rewards.write_rewards)

CASES = json.loads((Path(__file__).parent / "smac_rewards.json").read_text(encoding="utf-8"))["cases"]
KINDS = make_catalogue().kinds
GAINS = ("regen", "heal")
"""Cases in which nobody is hit, but units regenerate or are healed."""


def named(case) -> str:
    return "-".join([case["map"], case["what"], *sorted(case["options"])])


def rewards_of(case, hits) -> tuple[float, np.ndarray, int]:
    record = load_map(case["map"])
    units = make_units(record)[None].copy()
    before, after = (np.array(case[when]).astype(np.float32).astype(np.float64) for when in ("before", "after"))
    units["worth_before"][0] = before.sum(1)
    units["health"][0], units["shield"][0] = after.T
    rules = make_reward_rules(record, options(**case["options"]))
    standing = outcome(rules, KINDS, units, record.n_agents, 0)
    scale = reward_scale(rules, KINDS, units, record.n_agents, 0)
    team, individual = np.zeros(1, np.float32), np.zeros((record.n_agents, 1), np.float32)
    scratch = np.full((1, record.n_agents), 7.0)
    bits = np.left_shift(np.uint64(1), np.arange(record.n_agents, dtype=np.uint64))
    units["hit_by"][0, record.n_agents :] = (hits[0] * bits[:, None]).sum(0, dtype=np.uint64)
    write_rewards(rules, units, record.n_agents, 0, standing, scale, scratch, team, individual)
    return float(team[0]), individual[:, 0], standing


def everybody_hits(case) -> np.ndarray:
    record = load_map(case["map"])
    return np.ones((1, record.n_agents, record.n_enemies), np.bool_)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_team_reward_equals_smac(case) -> None:
    team, _, standing = rewards_of(case, everybody_hits(case))
    assert team == pytest.approx(case["reward"], abs=1e-5, rel=1e-6)
    assert (standing != ONGOING) == case["terminated"]
    assert (standing == WON) == case["won"]
    assert maximum_reward(case["map"], options(**case["options"])) == case["max_reward"]


def test_the_cases_cover_every_map_option_and_outcome() -> None:
    assert {case["map"] for case in CASES} == set(MAPS)
    varied = {name for case in CASES for name in case["options"]}
    assert varied == {name for name in vars(options()) if name.startswith("reward_")}
    assert {rewards_of(case, everybody_hits(case))[2] for case in CASES} == {ONGOING, WON, LOST, BOTH_DEAD}
    assert {case["what"] for case in CASES if case["won"]} >= {"win", "enemy medivac"}


@pytest.mark.parametrize("case", [case for case in CASES if case["what"] not in GAINS], ids=named)
def test_individual_rewards_add_up(case) -> None:
    """Everybody hits everybody and no enemy gains, so that everything is credited."""
    team, individual, _ = rewards_of(case, everybody_hits(case))
    assert individual.sum() == pytest.approx(team, abs=1e-4)


@pytest.mark.parametrize("case", [case for case in CASES if case["what"] in GAINS], ids=named)
def test_gains_pay_the_agents_only_for_their_own(case) -> None:
    """Units only gain here: the enemies' gains are nobody's, an agent's own count with reward_only_positive off."""
    _, individual, _ = rewards_of(case, everybody_hits(case))
    np.testing.assert_allclose(individual, charged(case, load_map(case["map"]).n_agents), atol=1e-5)


def charged(case, n_agents: int) -> np.ndarray:
    """[agents] what each agent's own gains are worth by SMAC's formula (reward_battle's delta_ally)."""
    settings = options(**case["options"])
    if settings.reward_only_positive:
        return np.zeros(n_agents)
    before, after = np.array(case["before"])[:n_agents].sum(1), np.array(case["after"])[:n_agents].sum(1)
    scale = settings.reward_scale_rate / case["max_reward"]
    charges: np.ndarray = (after - before) * settings.reward_negative_scale * scale
    return charges


def team_of_three(before, after, **changes):
    """A case of 3m: health of three agents, then of three enemies."""
    pairs = [[[health, 0] for health in side] for side in (before, after)]
    return {"map": "3m", "what": "by hand", "options": changes, "before": pairs[0], "after": pairs[1]}


def test_credit_by_hand() -> None:
    """3m, max_reward 365. Enemy 0 loses 12 to agents 0 and 1; enemy 1 loses its last 6 to agent 1; agent 2 idles."""
    case = team_of_three([45, 45, 45, 45, 6, 45], [45, 45, 45, 33, 0, 45])
    hits = np.zeros((1, 3, 3), np.bool_)
    hits[0, 0, 0] = hits[0, 1, 0] = hits[0, 1, 1] = True
    team, individual, standing = rewards_of(case, hits)
    assert standing == ONGOING
    assert team == pytest.approx((12 + 6 + 10) * 20 / 365)
    assert individual == pytest.approx(np.array([6, 6 + 16, 0]) * 20 / 365)


def test_a_win_is_credited_to_those_who_hit() -> None:
    case = team_of_three([45, 45, 45, 0, 6, 0], [45, 45, 45, 0, 0, 0])
    hits = np.zeros((1, 3, 3), np.bool_)
    hits[0, 2, 1] = True
    team, individual, standing = rewards_of(case, hits)
    assert standing == WON
    assert team == pytest.approx(216 * 20 / 365)
    assert individual == pytest.approx(np.array([0, 0, 216]) * 20 / 365)


def test_what_an_enemy_gains_pays_the_team_but_nobody() -> None:
    """SMAC's absolute value: five shields growing by 4 pay 20. Nobody is credited, hit or not."""
    record = load_map("3s_vs_5z")
    before = [[80, 80]] * 3 + [[100, 30]] * 5
    after = [[80, 80]] * 3 + [[100, 34]] * 5
    case = {"map": "3s_vs_5z", "what": "by hand", "options": {}, "before": before, "after": after}
    for hits in (np.zeros((1, 3, 5), np.bool_), everybody_hits(case)):
        team, individual, _ = rewards_of(case, hits)
        assert team == pytest.approx(20 * 20 / 1000)
        assert (individual == 0).all()
    assert record.n_enemies == 5


def test_losses_nobody_caused_are_nobodys() -> None:
    case = team_of_three([45] * 6, [45, 45, 45, 40, 45, 45])
    team, individual, _ = rewards_of(case, np.zeros((1, 3, 3), np.bool_))
    assert team == pytest.approx(5 * 20 / 365)
    assert (individual == 0).all()


def test_the_scale_is_of_the_battles_own_enemies() -> None:
    """With a colossus among the enemies there is more to earn: 3m's enemies are worth 45 each, a colossus 350."""
    record = load_map("3m")
    units = np.repeat(make_units(record)[None], 2, 0)
    units["kind"][1, -1] = int(np.flatnonzero(KINDS["shield_max"] == 150)[0])
    rules = make_reward_rules(record, options())
    assert reward_scale(rules, KINDS, units, 3, 0) == pytest.approx(20 / 365)
    assert reward_scale(rules, KINDS, units, 3, 1) == pytest.approx(20 / (365 + 350 - 45))
    assert reward_scale(make_reward_rules(record, options(reward_scale=False)), KINDS, units, 3, 1) == 1


def test_two_medivacs_left_do_not_end_a_battle() -> None:
    """SMAC counts the enemies' medivacs: one alone has lost, two have not (only_medivac_left)."""
    record = load_map("MMM")
    rules, units = make_reward_rules(record, options()), make_units(record)[None].copy()
    medivac = units["kind"][0, -1]
    units["health"][0, record.n_agents :] = 0
    units["health"][0, -1] = 150
    assert outcome(rules, KINDS, units, record.n_agents, 0) == WON
    units["kind"][0, -2], units["health"][0, -2] = medivac, 150
    assert outcome(rules, KINDS, units, record.n_agents, 0) == ONGOING
    units["health"][0, : record.n_agents - 1] = 0  # the agents have but their medivac
    assert outcome(rules, KINDS, units, record.n_agents, 0) == LOST
