"""Availability, observations and state are SMAC's own numbers for the same units.

smac_interface.json holds what SMAC's code returned for hand-made units: spread, close, at the map's edges and exactly
at the limits of attack and sight, under several options.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from worlds import options

from envs.factory import team_spec
from envs.maps import load_map
from envs.skirmish.arrays import make_units
from envs.skirmish.interface import write_available, write_observations, write_state
from envs.skirmish.layout import make_layout

CASES = json.loads((Path(__file__).parent / "smac_interface.json").read_text(encoding="utf-8"))["cases"]


def dense(pair) -> np.ndarray:
    length, values = pair
    array = np.zeros(length)
    for index, value in values.items():
        array[int(index)] = value
    return array


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['map']}-{case['steps']}-{len(case['options'])}")
def test_interface_equals_smac(case) -> None:
    record, env = load_map(case["map"]), options(**case["options"])
    layout = make_layout(record, env)
    units = make_units(record)[None].copy()
    given = np.array(case["units"]).astype(np.float32).astype(np.float64)
    units["x"], units["y"], units["health"], units["cooldown"] = given.T[:, None]
    units["last_action"][0, : record.n_agents] = case["last_actions"]
    available = np.zeros((record.n_agents, 1, layout.n_actions), np.bool_)
    observations = np.full((record.n_agents, 1, layout.obs_dim), 7, np.float32)
    state = np.full((1, layout.state_dim), 7, np.float32)
    write_available(layout, record.walkable, units, 0, available)
    write_observations(layout, units, 0, case["steps"], available, observations)
    write_state(layout, units, 0, case["steps"], state)

    assert ["".join(str(int(flag)) for flag in row) for row in available[:, 0]] == case["available"]
    for agent, expected in case["observations"].items():
        np.testing.assert_allclose(observations[int(agent), 0], dense(expected), rtol=0, atol=1e-5)
    np.testing.assert_allclose(state[0], dense(case["state"]), rtol=0, atol=1e-5)
    timed = case["options"].get("obs_timestep_number", False)
    assert layout.obs_dim == case["reported_obs_size"] + timed  # SMAC's observations are then longer than it says
    assert layout.state_dim == case["reported_state_size"]
    spec = team_spec(case["map"], env)
    assert (spec.obs_dim, spec.state_dim, spec.n_actions) == (layout.obs_dim, layout.state_dim, layout.n_actions)


def test_the_cases_reach_the_limits() -> None:
    """Somebody stands exactly at attack range and at sight range of somebody alive, else the cases prove too little."""
    exact = set()
    for case in CASES:
        n_agents = load_map(case["map"]).n_agents
        for x, y, health, _ in case["units"][:n_agents]:
            for other_x, other_y, other_health, _ in case["units"][n_agents:]:
                distance = float(np.hypot(x - other_x, y - other_y))
                if health > 0 and other_health > 0 and distance in (6.0, 9.0):
                    exact.add(distance)
    assert exact == {6.0, 9.0}
