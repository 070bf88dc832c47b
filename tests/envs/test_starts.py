"""Where units stand when evaluation battles begin: in the map's places, or drawn around them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedqmix.envs import make_world
from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.arrays import GROUND
from fedqmix.envs.skirmish.scene import make_scene
from fedqmix.envs.skirmish.spawn import spawn_points
from fedqmix.envs.skirmish.starts import TEAM_SHIFT, UNIT_SHIFT
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.core.world import EpisodeBatch, Integers, Purpose, TimeStep
from support.worlds import MAPS, KeepingSink, options, play

VARIED = Purpose.VARIED_EVALUATION


def begun(name: str, battles: EpisodeBatch, seed: int = 0, threads: int = 1, **changes: str) -> np.ndarray:
    """[battles, units] the units of battles that have just begun."""
    world = SkirmishWorld(load_map(name), seed, options(**changes), KeepingSink(), threads)
    world.begin(battles)
    units = world.units_of_all_battles().copy()
    world.close()
    return units


def prefer(time_step: TimeStep) -> Integers:
    """A policy that looks at nothing: the first enemy in range, else east, else stop, else the no-op."""
    available = time_step.available_actions
    chosen = np.zeros(available.shape[:2], np.int64)
    for action in (0, 1, 4, *range(available.shape[2] - 1, 5, -1)):
        chosen = np.where(available[..., action], action, chosen)
    return chosen


def returns_and_wins(name: str, purpose: Purpose) -> tuple[np.ndarray, int]:
    sink = KeepingSink()
    time_steps = play(make_world(name, 0, options(), sink), EpisodeBatch(purpose, 0, 32), prefer)
    return np.sum([team.team_reward for team in sink.time_steps], axis=0), int(time_steps[-1].won.sum())


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not VARIED])
def test_all_other_battles_begin_in_the_map_s_places(purpose: Purpose) -> None:
    x, y = spawn_points(load_map("MMM2"))
    units = begun("MMM2", EpisodeBatch(purpose, 3, 4))
    assert np.array_equal(units["x"], np.broadcast_to(x, units.shape))
    assert np.array_equal(units["y"], np.broadcast_to(y, units.shape))


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_world_of_varied_starts_varies_all_but_evaluations_from_fixed_ones(purpose: Purpose) -> None:
    battles = EpisodeBatch(purpose, 3, 4)
    shifted = begun("MMM2", battles, starts="varied")
    assert np.array_equal(shifted["x"], begun("MMM2", battles)["x"]) == (purpose in (Purpose.EVALUATION, VARIED))


@pytest.mark.parametrize("name", MAPS)
def test_nobody_is_shifted_far_or_to_where_he_cannot_stand(name: str) -> None:
    record, scene, units = load_map(name), make_scene(load_map(name)), begun(name, EpisodeBatch(VARIED, 0, 64))
    home = np.stack(spawn_points(record), axis=-1)
    places = np.stack([units["x"], units["y"]], axis=-1)
    shifts = places - home
    assert np.abs(shifts).max() <= TEAM_SHIFT + UNIT_SHIFT
    planes = scene.kinds["plane"][units["kind"]]
    cells = places.astype(int)
    assert scene.terrain.passable[planes, cells[..., 0], cells[..., 1]].all()
    regions, _ = ndimage.label(record.walkable)
    before = np.broadcast_to(regions[tuple(home.astype(int).T)], units.shape)
    grounded = planes == GROUND
    assert np.array_equal(regions[cells[..., 0], cells[..., 1]][grounded], before[grounded])
    walks = scene.kinds["speed"][units["kind"]] > 0
    assert not shifts[~walks].any()
    for team in (slice(None, record.n_agents), slice(record.n_agents, None)):
        if walks[0, team].all():
            assert np.ptp(shifts[:, team], axis=1).max() <= 2 * UNIT_SHIFT + 1e-9
    agents = shifts[:, : record.n_agents].mean(1)
    assert len(np.unique(agents, axis=0)) == 64
    assert agents.std(0).max() > TEAM_SHIFT / 2


def test_an_episode_begins_alike_in_any_batch_and_with_any_threads() -> None:
    whole = begun("2s3z", EpisodeBatch(VARIED, 5, 40), threads=2)
    for first in (5, 6, 44):
        assert np.array_equal(begun("2s3z", EpisodeBatch(VARIED, first, 1))[0], whole[first - 5])
    assert not np.array_equal(begun("2s3z", EpisodeBatch(VARIED, 5, 1), seed=1)[0]["x"], whole[0]["x"])


def test_places_that_are_drawn_anyway_are_not_shifted() -> None:
    """env.randomise=positions: the enemies mirror the agents in about half of the battles, to the bit."""
    units = begun("3m", EpisodeBatch(VARIED, 0, 64), randomise="positions")
    middle = units["x"][:, :3] + units["x"][:, 3:], units["y"][:, :3] + units["y"][:, 3:]
    mirrored = sum(np.ptp(xs) < 1e-9 and np.ptp(ys) < 1e-9 for xs, ys in zip(*middle, strict=True))
    assert 16 < mirrored < 48


def test_what_a_constant_preference_earns_varies_with_where_it_begins() -> None:
    """From the map's places such a team plays nearly one battle again and again."""
    (fixed, won), (varied, won_varied) = (returns_and_wins("8m", one) for one in (Purpose.EVALUATION, VARIED))
    assert won in (0, 32)
    assert 0 < won_varied < 32
    assert varied.std() > 2 * fixed.std()
