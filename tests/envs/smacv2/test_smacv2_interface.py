"""Masks, observations and states are the numbers of SMACv2's own code for the same units, its two errors included.

smacv2_interface.json holds what that code returned: ranges by type, own places, cones, discoveries, open masks.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs.factory import team_spec
from support.smacv2_units import Shown
from support.worlds import options

CASES = json.loads((Path(__file__).parent / "smacv2_interface.json").read_text(encoding="utf-8"))["cases"]


def name_of(case) -> str:
    return "-".join([case["map"], *(f"{name}={value}" for name, value in sorted(case["options"].items()))])


def shown(case) -> Shown:
    battle = Shown(case["map"], case["units"], **case["options"])
    battle.units["last_action"][0, : battle.record.n_agents] = case["last_actions"]
    return battle.look(case["steps"])


def dense(pair) -> np.ndarray:
    length, values = pair
    array = np.zeros(length)
    for index, value in values.items():
        array[int(index)] = value
    return array


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_interface_is_smacv2s(case) -> None:
    battle = shown(case)
    n_actions = battle.layout.n_actions
    masks = [[digit == "1" for digit in f"{int(row, 16):0{n_actions}b}"] for row in case["available"]]
    assert battle.available[:, 0].tolist() == masks
    for agent, expected in enumerate(case["observations"]):
        np.testing.assert_allclose(battle.observations[agent, 0], dense(expected), rtol=0, atol=1e-6)
    np.testing.assert_allclose(battle.state[0], dense(case["state"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if case["options"].get("quirk")], ids=name_of)
def test_the_same_agents_claim_the_same_enemies(case) -> None:
    battle = shown(case)
    if not battle.layout.vision.limits.claims:
        pytest.skip("nothing is to be discovered")
    enemies = battle.units[0, battle.record.n_agents :]
    assert enemies["claimed_by"].tolist() == case["claimed"]
    bits = [[int(row) >> agent & 1 for agent in range(battle.record.n_agents)] for row in enemies["granted"]]
    assert bits == case["granted"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_sizes_are_those_smacv2_reports(case) -> None:
    spec = team_spec(case["map"], options(**case["options"]))
    assert (spec.obs_dim, spec.state_dim) == (case["reported_obs_size"], case["reported_state_size"])
    for space in (spec.observation, spec.state):
        assert len(set(space.names)) == space.dim


def test_the_cases_reach_the_limits() -> None:
    """In a third of the cases the first agent has enemies exactly at its ranges, and nearly all have dead units."""
    sight = {"stalker": 10, "zealot": 9, "colossus": 10, "marine": 9, "marauder": 10, "medivac": 11}
    sight |= {"zergling": 8, "hydralisk": 9, "baneling": 8}
    exact = dead = 0
    for case in CASES:
        kind, x, y, health, *_ = case["units"][0]
        agents = len(case["observations"])
        away = [np.hypot(other[1] - x, other[2] - y) for other in case["units"][agents:]]
        exact += health > 0 and sight[kind] in away
        dead += any(unit[3] == 0 for unit in case["units"])
    assert exact >= len(CASES) // 3
    assert dead > 0.8 * len(CASES)
    assert {unit[0] for case in CASES for unit in case["units"]} == set(sight)
