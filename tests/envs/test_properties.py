"""What holds in every battle, whatever is played: ranges, the dead, masks, rewards, and that a seed is a battle."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedqmix.envs.maps import load_map
from fedqmix.envs.skirmish.arrays import AIR, CLIFF_WALKER
from fedqmix.envs.skirmish.terrain import make_terrain
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.core.world import Integers, TimeStep
from support import smac_formula
from support.worlds import MAPS, KeepingSink, copied, options, over, training

OPTIONS = {
    "SMAC's": {},
    "losses count": {"reward_only_positive": False},
    "unscaled": {"reward_scale": False, "reward_death_value": 7, "reward_win": 50},
    "all of it": {
        "reward_only_positive": False,
        "reward_negative_scale": 0.25,
        "reward_defeat": -30,
        "reward_scale_rate": 5,
    },
    "sparse": {"reward_sparse": True},
    "other teams": {"randomise": "both", "reward_only_positive": False},
}


@cache
def world_of(name: str, choice: str) -> tuple[SkirmishWorld, KeepingSink]:
    """One world a map and options, kept between the examples of a property."""
    sink = KeepingSink()
    return SkirmishWorld(load_map(name), 0, options(**OPTIONS[choice]), sink), sink


class EagerPlayer:
    """Picks available actions at random, of attacks and heals alone in this part of the steps in which there are any.

    What it picks in an episode's n-th step depends on the seed, the episode and n alone.
    """

    def __init__(self, seed: int, first: int, count: int, eagerness: float) -> None:
        self.random = [np.random.default_rng([seed, first + b]) for b in range(count)]
        self.eagerness = eagerness

    def __call__(self, time_step: TimeStep) -> Integers:
        available = time_step.available_actions.copy()
        agents = available.shape[0]
        draws = np.stack([random.random((2, agents)) for random in self.random], axis=-1)
        eager = (draws[0] < self.eagerness) & available[..., 6:].any(-1)
        available[..., :6] &= ~eager[..., None]
        nth = (draws[1] * available.sum(-1)).astype(np.int64)
        chosen: Integers = (available.cumsum(-1) > nth[..., None]).argmax(-1)
        chosen[:, over(time_step)] = 0
        return chosen


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(MAPS),
    choice=st.sampled_from(list(OPTIONS)),
    episode=st.integers(0, 10_000),
    seed=st.integers(0, 2**32),
    eagerness=st.sampled_from([0.0, 0.5, 0.95]),
)
def test_any_legal_play_keeps_the_rules(name: str, choice: str, episode: int, seed: int, eagerness: float) -> None:
    world, sink = world_of(name, choice)
    env, map_type = options(**OPTIONS[choice]), load_map(name).map_type
    if choice == "other teams" and load_map(name).ally_race == "T":
        map_type = "MMM"  # medivacs are drawn, too
    player, steps = EagerPlayer(seed, episode, 1, eagerness), 0
    time_step = world.begin(training(episode, 1))
    before, ended = world.snapshot(0), None
    assert_in_range(world, time_step)
    while not over(time_step)[0]:
        actions = player(time_step)
        dead = np.array([unit.health == 0 for unit in before])
        places = [(unit.x, unit.y) for unit in before]
        time_step, steps = world.step(actions), steps + 1
        after = world.snapshot(0)
        assert_in_range(world, time_step)
        for u in np.flatnonzero(dead):
            assert (after[u].health, after[u].shield, after[u].energy_or_cooldown) == (0, 0, 0)
            assert (after[u].x, after[u].y) == places[u]
        assert [unit.last_action for unit in after[: len(actions)]] == actions[:, 0].tolist()
        reward = smac_formula.team_reward(before, after, map_type, env)
        assert sink.time_steps[-1].team_reward[0] == pytest.approx(reward, rel=1e-5, abs=1e-5)
        before, ended = after, smac_formula.outcome(after, map_type)
        assert time_step.terminated[0] == (ended is not None)
    assert time_step.won[0] == (ended == 1)
    assert time_step.truncated[0] == (ended is None)
    assert ended is not None or steps == world.spec.episode_limit


@cache
def ground(name: str) -> np.ndarray:
    """[planes, x, y] where units of a plane may stand, worked out from the map alone."""
    record = load_map(name)
    planes = np.stack([record.walkable] * 3)
    planes[AIR] = True
    planes[CLIFF_WALKER] |= record.cliffs
    np.testing.assert_array_equal(planes, make_terrain(record).passable)
    return planes


def assert_in_range(world: SkirmishWorld, time_step: TimeStep) -> None:
    """Health, shield, energy and places are in range; the living never have the no-op, the dead nothing else."""
    units = world.units_of_all_battles()[0]
    kinds = world._scene.kinds[units["kind"]]
    for field in ("health", "shield", "energy"):
        assert (units[field] >= 0).all()
        assert (units[field] <= kinds[f"{field}_max"]).all()
    assert (units["cooldown"] >= 0).all()
    assert (units["cooldown"] <= kinds["period"] + 2).all()
    assert np.isfinite(units["x"] + units["y"]).all()
    assert ((units["x"] >= 0) & (units["y"] >= 0)).all()
    assert ground(world.spec.map)[kinds["plane"], units["x"].astype(int), units["y"].astype(int)].all()
    agents = units[: world.spec.n_agents]
    available = time_step.available_actions[:, 0]
    assert available.any(-1).all()
    if not time_step.terminated[0]:
        np.testing.assert_array_equal(available[:, 0], agents["health"] == 0)
    assert not available[available[:, 0], 1:].any()


def played(name: str, first: int, count: int, threads: int, steps: int = 50) -> list[tuple[np.ndarray, ...]]:
    sink = KeepingSink()
    world = SkirmishWorld(load_map(name), 7, options(reward_only_positive=False), sink, threads)
    player = EagerPlayer(3, first, count, 0.8)
    time_steps = [copied(world.begin(training(first, count)))]
    for _ in range(steps):
        time_steps.append(copied(world.step(player(time_steps[-1]))))
    world.close()
    return list(zip(time_steps, sink.time_steps, strict=True))


@pytest.mark.parametrize("name", MAPS)
def test_a_seed_is_a_battle_at_any_batch_size_and_thread_count(name: str) -> None:
    reference = played(name, 0, 17, threads=1)
    assert any(team.team_reward.any() for _, team in reference)
    for first, count, threads in ((0, 17, 2), (4, 3, 1), (4, 3, 2), (16, 1, 1)):
        part = slice(first, first + count)
        for (time_step, team), (other, other_team) in zip(reference, played(name, first, count, threads), strict=True):
            for one, same in zip(time_step[:3], other[:3], strict=True):
                np.testing.assert_array_equal(one[:, part], same)
            for one, same in zip((*time_step[3:7], *team[:-1]), (*other[3:7], *other_team[:-1]), strict=True):
                np.testing.assert_array_equal(one[part], same)
