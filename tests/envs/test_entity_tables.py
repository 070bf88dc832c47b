"""The entity tables of SMAC's worlds: every number once, in the row of the unit that it describes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedqmix.envs import make_world, team_spec
from fedqmix.envs.maps import available_maps
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.entities import NO_ACTION, ZERO
from fedqmix.runtime.core.entity_tensors import EntityReader
from fedqmix.runtime.core.spaces import entity_table
from support.worlds import KeepingSink, options, training

ALL = {
    "obs_last_action": True,
    "obs_pathing_grid": True,
    "obs_terrain_height": True,
    "obs_timestep_number": True,
    "state_timestep_number": True,
}


@pytest.mark.parametrize("map", available_maps())
@pytest.mark.parametrize("changes", [{}, ALL, {"randomise": "types", "state_last_action": False}])
def test_every_number_is_in_one_row(map: str, changes: dict) -> None:
    spec = team_spec(map, options(**changes))
    for space in (spec.observation, spec.state):
        table = entity_table(space, "vector")
        read = [index for row in table.source for index in row if index >= 0]
        shared = {"time"} if space is spec.state else {"unused"}
        expected = [index for index, name in enumerate(space.names) if name not in shared]
        assert sorted(index for index in read if space.names[index] not in shared) == expected
        for row, source in zip(table.rows, table.source, strict=True):
            own = [space.names[index] for index in source if index >= 0 and space.names[index].startswith(row)]
            assert own, f"{row} has no number of its own"


def test_rows_of_a_battle_are_its_units() -> None:
    """After some steps of 2s3z: the state's rows hold the units, an observation's those in sight."""
    sink = KeepingSink()
    world = make_world("2s3z", 1, options(), sink)
    time_step = world.begin(training(0, 1))
    for _ in range(12):
        time_step = world.step(np.where(time_step.available_actions[..., 0], 0, 1))
    units, spec = world.snapshot(0), world.spec
    state = entity_table(spec.state, "state")
    found = EntityReader(state).read(torch.from_numpy(sink.time_steps[-1].state[0]))
    shield, is_agent = (found.features[:, state.names.index(name)].tolist() for name in ("shield", "is_agent"))
    assert shield == pytest.approx([unit.shield / unit.shield_max for unit in units], abs=1e-6)
    assert is_agent == [1.0] * 5 + [0.0] * 5
    seen = entity_table(spec.observation, "observation")
    hurt = 0
    for agent in range(5):
        rows = EntityReader(seen).read(torch.from_numpy(time_step.observations[agent, 0]))
        for row, number in enumerate(seen.numbers_of(agent)):
            in_sight = bool(rows.visible[row]) and units[agent].health > 0
            expected = units[number].shield / units[number].shield_max if in_sight else 0.0
            assert rows.features[row, seen.names.index("shield")] == pytest.approx(expected, abs=1e-6)
            hurt += 0 < expected < 1
        assert seen.numbers_of(agent)[0] == agent
    assert hurt, "no unit in sight was hit: the test compares nothing"


def test_enemies_are_targets_and_of_medivacs_the_agents_too() -> None:
    marines = entity_table(team_spec("3m", options()).observation, "observation")
    assert marines.targets(2) == (NO_ACTION,) * 3 + (6, 7, 8)
    medics = entity_table(team_spec("MMM", options()).observation, "observation")
    assert medics.targets(1)[:4] == (NO_ACTION, 6, 8, 9)
    assert medics.targets(9)[-10:] == tuple(range(6, 16))


def test_targets_follow_the_turns_of_a_cone_and_heals_of_their_own() -> None:
    cones = entity_table(team_spec("terran_5_vs_5", options(conic_fov=True)).observation, "observation")
    assert cones.targets(0)[1:5] == (19, 20, 21, 22)
    assert cones.targets(0)[5:] == (18, 19, 20, 21, 22)
    drawn = entity_table(team_spec("3-8MMM", options()).observation, "observation")
    assert drawn.targets(0)[8:] == tuple(range(6, 14))
    assert drawn.targets(0)[1:8] == tuple(range(15, 22))


def test_features_of_observations_depend_on_no_number_of_units() -> None:
    few, many = (entity_table(team_spec(map, options()).observation, "") for map in ("3m", "8m"))
    assert few.names == many.names


def test_a_state_of_observations_has_no_table() -> None:
    assert team_spec("3m", options(obs_instead_of_state=True)).state.entities is None


def test_agents_on_the_ring_are_the_entities() -> None:
    """Every number of an agent's row of the observation is that of the same agent's row of the state."""
    sink, env = KeepingSink(), compose(["env=group_matching"]).env
    world = make_world("ring", 1, env, sink)
    time_step = world.begin(training(0, 1))
    state = entity_table(world.spec.state, "state")
    rows = EntityReader(state).read(torch.from_numpy(sink.time_steps[-1].state[0])).features
    seen = entity_table(world.spec.observation, "observation")
    for agent in range(world.spec.n_agents):
        own = EntityReader(seen).read(torch.from_numpy(time_step.observations[agent, 0])).features
        assert seen.own_row(agent) == 0
        assert seen.numbers_of(agent)[0] == agent
        assert torch.equal(own, rows[list(seen.numbers_of(agent))])


def test_the_place_of_a_smacv2_agent_has_columns_of_its_own():
    table = entity_table(team_spec("protoss_5_vs_5", options()).observation, "observation")
    relative, placed = table.names.index("x"), table.names.index("place_x")
    assert table.source[0][relative] == ZERO
    assert table.source[0][placed] >= 0
    assert {row[placed] for row in table.source[1:]} == {ZERO}
    assert all(row[relative] >= 0 for row in table.source[1:])
