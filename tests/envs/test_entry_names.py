"""The names of observations and states are those of the numbers that the world writes."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs import make_world, team_spec
from fedqmix.envs.maps import available_maps, load_map
from support.worlds import KeepingSink, options, training

ALL = {
    "obs_last_action": True,
    "obs_pathing_grid": True,
    "obs_terrain_height": True,
    "obs_timestep_number": True,
    "state_timestep_number": True,
}


@pytest.mark.parametrize("map", available_maps())
@pytest.mark.parametrize("changes", [{}, ALL, {"obs_instead_of_state": True, "randomise": "types"}])
def test_every_number_has_a_name_of_its_own(map: str, changes: dict) -> None:
    spec = team_spec(map, options(**changes))
    for space in (spec.observation, spec.state):
        assert len(space.names) == space.dim
        assert len(set(space.names)) == space.dim


def _after_steps(map: str, steps: int, **changes):
    """Return a world after some steps in which everybody stops, the names' values, and the units."""
    sink = KeepingSink()
    world = make_world(map, 1, options(**changes), sink)
    time_step = world.begin(training(0, 1))
    for _ in range(steps):
        alive = ~time_step.available_actions[..., 0]
        time_step = world.step(np.where(alive, 1, 0))
    spec = world.spec
    state = dict(zip(spec.state.names, sink.time_steps[-1].state[0], strict=True))
    views = [dict(zip(spec.observation.names, own[0], strict=True)) for own in time_step.observations]
    return views, state, world.snapshot(0)


def test_named_states_are_the_units() -> None:
    _, state, units = _after_steps("2s3z", 12, **ALL)
    width, height = load_map("2s3z").walkable.shape
    hurt = 0
    for unit in units:
        whose = f"{'agent' if unit.side == 'ally' else 'enemy'}_{unit.index}"
        if unit.health == 0:
            continue
        hurt += unit.health < unit.health_max or unit.shield < unit.shield_max
        assert state[f"{whose}_health"] == pytest.approx(unit.health / unit.health_max, abs=1e-6)
        assert state[f"{whose}_shield"] == pytest.approx(unit.shield / unit.shield_max, abs=1e-6)
        assert state[f"{whose}_x"] == pytest.approx((unit.x - width / 2) / width, abs=1e-6)
        assert state[f"{whose}_y"] == pytest.approx((unit.y - height / 2) / height, abs=1e-6)
        assert state[f"{whose}_is_{unit.type}"] == 1
        if unit.side == "ally":
            assert state[f"{whose}_last_stop"] == 1
    assert hurt
    assert state["time"] == pytest.approx(12 / load_map("2s3z").episode_limit)


def test_named_observations_are_the_units_as_an_agent_sees_them() -> None:
    views, _, units = _after_steps("2s3z", 12, **ALL)
    allies = [unit for unit in units if unit.side == "ally"]
    seen = 0
    for agent, view in zip(allies, views, strict=True):
        if agent.health == 0:
            continue
        assert view["own_health"] == pytest.approx(agent.health / agent.health_max, abs=1e-6)
        assert view[f"own_is_{agent.type}"] == 1
        assert view["time"] == pytest.approx(12 / load_map("2s3z").episode_limit)
        others = [unit for unit in allies if unit.index != agent.index]
        for whose, unit in [(f"other_{k}", unit) for k, unit in enumerate(others)] + [
            (f"enemy_{unit.index}", unit) for unit in units if unit.side == "enemy"
        ]:
            if view[f"{whose}_distance"] == 0 or unit.health == 0:
                continue
            seen += 1
            assert view[f"{whose}_x"] == pytest.approx((unit.x - agent.x) / 9, abs=1e-5)
            assert view[f"{whose}_y"] == pytest.approx((unit.y - agent.y) / 9, abs=1e-5)
            assert view[f"{whose}_health"] == pytest.approx(unit.health / unit.health_max, abs=1e-6)
            assert view[f"{whose}_is_{unit.type}"] == 1
    assert seen > 10


def test_types_that_are_drawn_have_their_races_names() -> None:
    _, state, units = _after_steps("3m", 1, randomise="types")
    assert all(state[f"agent_{unit.index}_is_{unit.type}"] == 1 for unit in units if unit.side == "ally")


def test_observations_instead_of_a_state_keep_their_names() -> None:
    views, state, _ = _after_steps("3m", 3, obs_instead_of_state=True)
    for agent, view in enumerate(views):
        assert all(state[f"agent_{agent}_{name}"] == value for name, value in view.items())
