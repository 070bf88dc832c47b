"""Whole battles: what can never happen, what every reward is made of, and how hard the maps are."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MAPS, KeepingSink, RandomPlayer, advance_and_attack, options, over, play, training

from contracts.world import UnitRecord, World
from envs import make_world, maximum_reward
from envs.maps import load_map

WORLDS: dict[str, tuple[World, KeepingSink]] = {}


def world_of(name: str) -> tuple[World, KeepingSink]:
    """One world a map, kept between the examples of a property."""
    if name not in WORLDS:
        sink = KeepingSink()
        WORLDS[name] = make_world(name, 0, options(reward_only_positive=False, reward_scale=False), sink), sink
    return WORLDS[name]


def pools(units: list[UnitRecord], side: str) -> np.ndarray:
    return np.array([unit.health + unit.shield for unit in units if unit.side == side])


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["3m", "5m_vs_6m", "8m"]),
    episode=st.integers(0, 10_000),
    picks=st.lists(st.integers(0, 2**16), min_size=5, max_size=400),
)
def test_any_legal_play_stays_within_the_rules(name: str, episode: int, picks: list[int]) -> None:
    """Whatever is played: positions stay on walkable cells, health only falls, the dead stay dead, and every reward
    is SMAC's formula applied to the snapshots before and after."""
    world, sink = world_of(name)
    walkable, limit = load_map(name).walkable, world.spec.episode_limit
    turn = world.begin(training(episode, 1))
    before, draws, steps = world.snapshot(0), cycle(picks), 0
    while not over(turn)[0]:
        actions = np.array([[row.nonzero()[0][next(draws) % row.sum()]] for row in turn.available_actions[:, 0]])
        turn, steps = world.step(actions), steps + 1
        after = world.snapshot(0)
        for old, new in zip(before, after, strict=True):
            assert walkable[int(new.x), int(new.y)]
            assert new.x >= 0
            assert new.y >= 0
            assert 0 <= new.health <= old.health <= 45
            assert 0 <= new.energy_or_cooldown < 16
            if old.health == 0:
                assert (new.x, new.y) == (old.x, old.y)
        assert [unit.last_action for unit in after[: len(actions)]] == actions[:, 0].tolist()
        assert sink.turns[-1].team_reward[0] == pytest.approx(plain_reward(before, after, turn.won[0]), rel=1e-5)
        before = after
    alive = [pools(before, side).any() for side in ("ally", "enemy")]
    assert turn.won[0] == (alive == [True, False])
    assert turn.terminated[0] == (not all(alive))
    assert turn.truncated[0] == (all(alive) and steps == limit)


def plain_reward(before: list[UnitRecord], after: list[UnitRecord], won: bool) -> float:
    """SMAC's reward with reward_only_positive=False, reward_scale=False and its default values."""
    total = 200.0 * won
    for side, sign in (("enemy", 1.0), ("ally", -0.5)):
        old, new = pools(before, side), pools(after, side)
        total += sign * ((old - new).sum() + 10 * ((old > 0) & (new == 0)).sum())
    return total


@pytest.mark.parametrize("only_positive", [True, False])
@pytest.mark.parametrize("name", ["3m", "8m_vs_9m"])
def test_individual_rewards_sum_to_the_team_reward(name: str, only_positive: bool) -> None:
    sink = KeepingSink()
    env = options(reward_only_positive=only_positive)
    world = make_world(name, 3, env, sink)
    turns = play(world, training(0, 32), lambda turn: advance_and_attack(turn, load_map(name).n_enemies, focus=True))
    earned = False
    for turn, team in zip(turns, sink.turns, strict=True):
        np.testing.assert_allclose(turn.individual_rewards.sum(0), team.team_reward, rtol=1e-4, atol=1e-5)
        earned |= bool(turn.individual_rewards.any())
    assert earned


def test_a_won_battle_returns_twenty() -> None:
    """max_reward / reward_scale_rate scales the return of killing all and winning to 20 (no regeneration here)."""
    sink = KeepingSink()
    world = make_world("3m", 0, options(), sink)
    turns = play(world, training(0, 64), lambda turn: advance_and_attack(turn, 3, focus=True))
    returns = sum(team.team_reward.astype(np.float64) for team in sink.turns)
    assert turns[-1].won.any()
    np.testing.assert_allclose(returns[turns[-1].won], 20, rtol=1e-5)
    assert returns[~turns[-1].won].max() <= 20 * 165 / maximum_reward("3m", options()) + 1e-5  # all but the 200


@pytest.mark.parametrize("name", MAPS)
def test_random_play_loses(name: str) -> None:
    world = make_world(name, 1, options(), KeepingSink(), 2)
    turns = play(world, training(0, 64), RandomPlayer(2, 0, 64))
    assert turns[-1].won.mean() < 0.05


def test_3m_rewards_walking_up_and_focusing_fire() -> None:
    """The script wins about every second battle of equal teams; random play wins none. So there is much to learn."""
    world = make_world("3m", 1, options(), KeepingSink())
    turns = play(world, training(0, 400), lambda turn: advance_and_attack(turn, 3, focus=True))
    assert 0.35 < turns[-1].won.mean() < 0.7
