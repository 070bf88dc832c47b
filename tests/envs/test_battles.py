"""Whole battles: what agents' own rewards add up to, what a won battle returns, and that no map is won by chance."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs import make_world, maximum_reward
from fedqmix.envs.maps import load_map
from support.worlds import MAPS, KeepingSink, RandomPlayer, advance_and_attack, options, play, training


@pytest.mark.parametrize("only_positive", [True, False])
@pytest.mark.parametrize("name", ["3m", "8m_vs_9m"])
def test_individual_rewards_sum_to_the_team_reward(name: str, only_positive: bool) -> None:
    """On maps on which nobody gains health or loses it unless he is hit."""
    sink = KeepingSink()
    env = options(reward_only_positive=only_positive)
    world = make_world(name, 3, env, sink)
    time_steps = play(
        world, training(0, 32), lambda time_step: advance_and_attack(time_step, load_map(name).n_enemies, focus=True)
    )
    individual_returns = False
    for time_step, team in zip(time_steps, sink.time_steps, strict=True):
        np.testing.assert_allclose(time_step.individual_rewards.sum(0), team.team_reward, rtol=1e-4, atol=1e-5)
        individual_returns |= bool(time_step.individual_rewards.any())
    assert individual_returns


def test_a_won_battle_returns_twenty() -> None:
    """max_reward / reward_scale_rate scales the return of killing all and winning to 20 (no regeneration here)."""
    sink = KeepingSink()
    world = make_world("3m", 0, options(), sink)
    time_steps = play(world, training(0, 64), lambda time_step: advance_and_attack(time_step, 3, focus=True))
    returns = sum(team.team_reward.astype(np.float64) for team in sink.time_steps)
    assert time_steps[-1].won.any()
    assert not time_steps[-1].won.all()
    np.testing.assert_allclose(returns[time_steps[-1].won], 20, rtol=1e-5)
    assert returns[~time_steps[-1].won].max() <= 20 * 165 / maximum_reward("3m", options()) + 1e-5  # all but the 200


@pytest.mark.parametrize("name", MAPS)
def test_random_play_does_not_win(name: str, request: pytest.FixtureRequest) -> None:
    if name == "bane_vs_bane":
        reason = "agents' banelings, sent anywhere into the enemies' crowd, kill it: random play wins"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    world = make_world(name, 1, options(), KeepingSink(), 2)
    time_steps = play(world, training(0, 32), RandomPlayer(2, 0, 32))
    assert time_steps[-1].won.mean() <= 0.1


def test_the_enemies_of_2m_vs_1z_walk_to_another_point_in_every_battle() -> None:
    """The map draws it on the line from (13, 12) to (19, 12)."""
    world = make_world("2m_vs_1z", 0, options(), KeepingSink())
    world.begin(training(0, 200))
    goals = world.units_of_all_battles()[:, 2]
    assert (goals["goal_y"] == 12).all()
    assert 13 <= goals["goal_x"].min() < 13.2
    assert 18.8 < goals["goal_x"].max() <= 19
    assert abs(goals["goal_x"].mean() - 16) < 0.5
