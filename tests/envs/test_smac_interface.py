"""Availability, observations and state are SMAC's own numbers for the same units, on every map and for every option.

smac_interface.json holds what SMAC's code returned for hand-made units: living and dead, wounded, with shields and
energy, at walls and at the map's edges, and exactly at the limits of attack and sight.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedqmix.envs.factory import team_spec
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish import interface
from fedqmix.envs.skirmish.arrays import MOST_UNITS
from fedqmix.envs.skirmish.gathered import SCRATCH_LENGTH
from fedqmix.envs.skirmish.layout import make_layout
from fedqmix.envs.skirmish.teams import make_catalogue, make_units
from support.callable_rules import callable_kernel
from support.worlds import MAPS, options

write_views = callable_kernel(interface.write_views)

CASES = json.loads((Path(__file__).parent / "smac_interface.json").read_text(encoding="utf-8"))["cases"]
KINDS = make_catalogue().kinds
FIELDS = ("x", "y", "health", "shield", "energy", "cooldown")


def units_of(case) -> np.ndarray:
    """[3, units]: the case's units as battle 1; the battles beside it are left as a battle begins."""
    record = load_map(case["map"])
    units = np.repeat(make_units(record)[None], 3, 0)
    given = np.array(case["units"]).astype(np.float32).astype(np.float64)
    for column, field in enumerate(FIELDS):
        units[field][1] = given[:, column]
    units["last_action"][1, : record.n_agents] = case["last_actions"]
    return units


def views_of(case, units) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Available actions, observations and state of battle 1, written over arrays full of something else."""
    record = load_map(case["map"])
    layout = make_layout(record, options(**case["options"]))
    available = np.ones((record.n_agents, 3, layout.n_actions), np.bool_)
    observations = np.full((record.n_agents, 3, layout.obs_dim), 7, np.float32)
    state = np.full((3, layout.state_dim), 7, np.float32)
    scratch = np.full(SCRATCH_LENGTH, np.nan, np.float32)
    views = (available, observations, state)
    write_views(layout, KINDS, record.walkable, record.height, units, 1, case["steps"], scratch, *views)
    assert available[:, ::2].all()
    assert (observations[:, ::2] == 7).all()
    assert (state[::2] == 7).all()
    return available[:, 1], observations[:, 1], state[1]


def dense(pair) -> np.ndarray:
    length, values = pair
    array = np.zeros(length)
    for index, value in values.items():
        array[int(index)] = value
    return array


def bits(row: str, n_actions: int) -> list[bool]:
    return [digit == "1" for digit in f"{int(row, 16):0{n_actions}b}"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case["map"], *sorted(case["options"])]))
def test_interface_equals_smac(case) -> None:
    available, observations, state = views_of(case, units_of(case))
    assert available.tolist() == [bits(row, available.shape[1]) for row in case["available"]]
    for agent, expected in case["observations"].items():
        np.testing.assert_allclose(observations[int(agent)], dense(expected), rtol=0, atol=1e-6)
    np.testing.assert_allclose(state, dense(case["state"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case["map"], *sorted(case["options"])]))
def test_sizes_are_those_smac_reports(case) -> None:
    spec = team_spec(case["map"], options(**case["options"]))
    timed = case["options"].get("obs_timestep_number", False)  # SMAC's observations are then longer than it says
    assert spec.obs_dim == case["reported_obs_size"] + timed
    instead = case["options"].get("obs_instead_of_state", False)
    assert spec.state_dim == case["reported_state_size"] + timed * instead * spec.n_agents


def test_the_cases_cover_every_map_and_option() -> None:
    assert {case["map"] for case in CASES} == set(MAPS)
    varied = {name for case in CASES for name in case["options"]}
    assert varied == {
        "obs_all_health",
        "obs_own_health",
        "obs_last_action",
        "obs_pathing_grid",
        "obs_terrain_height",
        "obs_instead_of_state",
        "obs_timestep_number",
        "state_last_action",
        "state_timestep_number",
    }


def test_the_cases_reach_the_limits() -> None:
    """On most maps somebody stands exactly at the range of attacks and of sight, else the cases prove too little."""
    exact = {6.0: set(), 9.0: set()}
    for case in CASES:
        n_agents = load_map(case["map"]).n_agents
        for x, y, health in (unit[:3] for unit in case["units"][:n_agents]):
            for other_x, other_y, other_health in (unit[:3] for unit in case["units"][n_agents:]):
                distance = float(np.hypot(x - other_x, y - other_y))
                if health > 0 and other_health > 0 and distance in exact:
                    exact[distance].add(case["map"])
    assert all(len(maps) > 20 for maps in exact.values())


def test_the_cases_reach_the_edges() -> None:
    """Agents stand in the first column, west of which SMAC finds itself, and beside cells they cannot enter."""
    west_of_the_edge, blocked = set(), set()
    for case in CASES:
        record = load_map(case["map"])
        for (x, y, health, *_), row in zip(case["units"], case["available"], strict=False):
            moves = bits(row, 6 + record.n_enemies)[2:6]
            if health > 0 and 0 < x < 1 and moves[3]:
                west_of_the_edge.add(case["map"])
            if health > 0 and record.walkable[int(x), int(y)] and not all(moves):
                blocked.add(case["map"])
    assert len(west_of_the_edge) > 10
    assert len(blocked) > 20


def test_medivacs_may_heal_the_healthy_but_no_medivac() -> None:
    """MMM2: agents 0-1 are marauders, 2-8 marines, 9 a medivac; everybody stands in one place, in full health."""
    record = load_map("MMM2")
    place = [16.0, 16.0]
    units = [[*place, 1.0, 0.0, 50.0, 0.0] for _ in range(record.n_agents + record.n_enemies)]
    units[1][2] = 0.0  # dead
    units[2][0] = 22.5  # out of reach
    units[record.n_agents][2] = 0.0
    case = {"map": "MMM2", "options": {}, "steps": 0, "units": units, "last_actions": [-1] * record.n_agents}
    assert record.unit_types[9] == "medivac"
    available, observations, _ = views_of(case, units_of(case))
    assert np.flatnonzero(available[9, 6:]).tolist() == [0, 3, 4, 5, 6, 7, 8]
    assert np.flatnonzero(available[0, 6:]).tolist() == list(range(1, 12))
    enemies = observations[9][4 : 4 + 12 * 8].reshape(12, 8)
    assert enemies[:, 0].tolist() == [
        0,
        0,
        0,
        1,
        1,
        1,
        1,
        1,
        1,
        0,
        0,
        0,
    ]  # SMAC's: action 6 + e, a heal, per enemy seen


@pytest.mark.parametrize("name", MAPS)
def test_every_team_fits_the_scratch(name: str) -> None:
    assert load_map(name).n_agents + load_map(name).n_enemies <= MOST_UNITS


def test_last_places_of_the_dead_are_not_shown() -> None:
    case = next(case for case in CASES if case["map"] == "27m_vs_30m" and not case["options"])
    units = units_of(case)
    dead = units["health"][1] <= 0
    assert dead.any()
    before = views_of(case, units)
    units["x"][1, dead] += 3.5
    units["shield"][1, dead] = 5
    for old, new in zip(before, views_of(case, units), strict=True):
        np.testing.assert_array_equal(old, new)
