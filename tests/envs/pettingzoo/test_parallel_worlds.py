"""env=pettingzoo: what a team sees of a parallel environment, and what becomes of environments that go wrong."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="PettingZoo is not installed")

from fedqmix.envs.factory import make_world, require_world, team_spec
from fedqmix.envs.random_play import KeepingSink, RandomPlayer, over, play, training
from fedqmix.envs.workers.world import MOST_FAILURES
from fedqmix.runtime.core.errors import ConfigurationError, WorldError
from fedqmix.runtime.core.world import Score
from fedqmix.testing import WorldContract
from support.pettingzoo_worlds import FILE, options_of


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    """Workers find what this process finds, and none of them outlives its test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


class TestDig(WorldContract):
    suite = "pettingzoo"
    options = {"code": f"{FILE}:Dig", "games": 2}  # noqa: RUF012
    truncates_early = True
    thread_counts = ()


def world_of(name: str, **changes):
    """Return a world over an environment of the file, its sink and its settings."""
    options, sink = options_of(name, **changes), KeepingSink()
    return make_world("dig", 1, options, sink), sink


def test_sizes_are_those_of_the_widest_agent() -> None:
    spec = team_spec("dig", options_of("Dig", games=2))
    assert (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit) == (3, 3, 5, 4, 12)
    assert (spec.map, spec.side_by_side, spec.score) == ("dig", 2, Score.RETURN)


def test_agents_that_left_or_are_absent_wait_and_the_others_go_on() -> None:
    """Dig itself refuses an action that is masked, and one of an agent that has left."""
    world, sink = world_of("Dig", games=3)
    time_steps = play(world, training(0, 3), RandomPlayer(9, 0, 3))
    world.close()
    team = sink.time_steps
    exists = time_steps[0].exists
    assert exists[0].all()
    assert exists[2].all()
    assert not exists[1].all()  # scout_1 misses some of these episodes
    assert not time_steps[0].observations[:2, :, 3:].any()  # scouts see three numbers, diggers five
    assert not time_steps[0].available_actions[2, :, 2].any()  # and diggers have two actions
    left = 0
    for number, (time_step, seen) in enumerate(zip(time_steps, team, strict=True)):
        running = ~over(time_step)
        here = seen.state[:, 1:].T.astype(bool)  # Dig's own state: the time, and which agents are there
        assert (seen.state[running, 0] == number).all()
        gone = ~here & running
        left += int(gone.sum())
        assert not time_step.observations[gone].any()
        assert (time_step.available_actions[gone] == [True, False, False]).all()
        assert (time_step.observations[here & running][:, 0] == number).all()
    assert left > 0


def test_rewards_are_those_of_the_environment_and_their_sum_is_the_team_s() -> None:
    """Dig's reward is the action's own number, which begins at 1."""
    for team_reward, share in (("sum", 1), ("mean", 3)):
        world, sink = world_of("Dig", games=1, team_reward=team_reward)
        player, time_step = RandomPlayer(9, 0, 1), world.begin(training(0, 1))
        while not over(time_step).all():
            actions, before = player(time_step), sink.time_steps[-1]
            paid = (before.state[:, 1:].T > 0) & ~over(before)
            time_step = world.step(actions)
            np.testing.assert_array_equal(time_step.individual_rewards, np.where(paid, actions + 1, 0))
            np.testing.assert_allclose(sink.time_steps[-1].team_reward * share, time_step.individual_rewards.sum(0))
        world.close()


def test_agents_that_have_left_or_are_absent_earn_nothing() -> None:
    played = []
    for name in ("Dig", "Paid"):
        world, sink = world_of(name, games=3)
        time_steps = play(world, training(0, 3), RandomPlayer(9, 0, 3))
        played.append(
            [
                (step.individual_rewards, team.team_reward)
                for step, team in zip(time_steps, sink.time_steps, strict=True)
            ]
        )
        world.close()
    np.testing.assert_equal(played[0], played[1])


def test_an_observation_with_other_parts_keeps_its_mask() -> None:
    worlds = [world_of(name, games=1, episode_limit=12)[0] for name in ("Masked", "MaskedAndNamed")]
    played = [play(world, training(0, 1), RandomPlayer(9, 0, 1)) for world in worlds]
    for one, other in zip(*played, strict=True):
        np.testing.assert_array_equal(one.available_actions, other.available_actions)
    assert [world.spec.obs_dim for world in worlds] == [5, 8]  # three more for the number, one-hot
    for world in worlds:
        world.close()


def test_an_episode_that_time_ends_is_truncated_and_one_that_all_have_left_is_not() -> None:
    world, sink = world_of("Dig", games=1)
    ways = set()
    for number in range(9):
        last = play(world, training(number, 1), RandomPlayer(9, number, 1))[-1]
        length, there = sink.time_steps[-1].state[0, 0], sink.time_steps[-2].state[0, 1:]
        assert bool(last.truncated) != bool(last.terminated)
        assert length <= 12
        assert length == 12 or last.terminated
        assert there.any()
        ways.add(bool(last.truncated))
    world.close()
    assert ways == {True, False}


def test_the_setting_s_limit_truncates_and_keeps_the_masks_of_the_last_moment() -> None:
    world, _ = world_of("Dig", games=2, episode_limit=2)
    time_steps = play(world, training(0, 2), RandomPlayer(9, 0, 2))
    assert len(time_steps) == 3
    assert time_steps[-1].truncated.all()
    assert time_steps[-1].available_actions[2, :, 1].all()  # the environment's last mask is always open
    assert (world.step(np.zeros((3, 2), np.int64)).available_actions == [True, False, False]).all()
    world.close()


def test_masks_of_observations_are_those_of_infos_and_observations_may_be_the_state() -> None:
    worlds = [world_of("Dig", games=1), world_of("Masked", games=1, episode_limit=12)]
    played = [play(world, training(0, 1), RandomPlayer(9, 0, 1)) for world, _ in worlds]
    for one, other in zip(*played, strict=True):
        np.testing.assert_array_equal(one.available_actions, other.available_actions)
        np.testing.assert_array_equal(one.observations, other.observations)
    masked, sink = worlds[1]
    assert masked.spec.state_dim == 15
    for time_step, team in zip(played[1], sink.time_steps, strict=True):
        np.testing.assert_array_equal(team.state[0], time_step.observations[:, 0].reshape(-1))
    for world, _ in worlds:
        world.close()


def test_episodes_can_be_won_where_the_score_is_the_win_rate() -> None:
    """Every info of Dig says "won"."""
    for score in ("return", "win_rate"):
        world, _ = world_of("Dig", games=1, score=score)
        assert world.spec.score == score
        lasts = [play(world, training(number, 1), RandomPlayer(9, number, 1))[-1] for number in range(9)]
        terminated = [bool(last.terminated) for last in lasts]
        assert [bool(last.won) for last in lasts] == [one and score == "win_rate" for one in terminated]
        assert any(terminated)
        world.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Failing", r"ValueError: the digger broke its shovel \(parallel_envs.py, line \d+\)"),
        ("Exiting", "its process died; its last output: .*the shaft collapsed"),
        ("Hanging", "it did not answer within 1 s"),
        ("Shrinking", r"the shape of its state is \[\d\]; needed: \[4\]"),
        ("MistypedState", r"AttributeError: .*'tiem' .*\(parallel_envs.py, line \d+\)"),
    ],
)
def test_an_environment_that_breaks_down_costs_its_episode_and_at_last_the_run(caplog, name: str, text: str) -> None:
    world, sink = world_of(name, games=1, call_seconds=1)
    for _ in range(MOST_FAILURES):
        last = play(world, training(0, 1), RandomPlayer(9, 0, 1))[-1]
        assert last.broken.all()
        assert sink.time_steps[-1].broken.all()
        assert "The environment of training episode 0 broke down" in caplog.text
    with pytest.raises(WorldError, match=rf"(?s){MOST_FAILURES + 1} episodes in a row broke down.*{text}"):
        play(world, training(0, 1), RandomPlayer(9, 0, 1))
    world.close()


def test_a_killed_process_costs_its_episode_and_the_next_batch_is_whole() -> None:
    world, _ = world_of("Dig", games=2)
    undisturbed = play(world, training(0, 2), RandomPlayer(9, 0, 2))
    time_step = world.begin(training(0, 2))
    os.kill(world.processes[0], signal.SIGKILL)
    player = RandomPlayer(9, 0, 2)
    for expected in undisturbed[1:]:
        time_step = world.step(player(time_step))
        assert time_step.broken.tolist() == [True, False]
        np.testing.assert_array_equal(time_step.observations[:, 1], expected.observations[:, 1])
    again = play(world, training(0, 2), RandomPlayer(9, 0, 2))
    np.testing.assert_array_equal(again[-1].observations, undisturbed[-1].observations)
    world.close()


def test_an_agent_without_a_reward_ends_the_run_and_is_named() -> None:
    world, _ = world_of("Renamed", games=1)
    with pytest.raises(WorldError, match="the environment returned no reward of agent digger_0, which has not ended"):
        play(world, training(0, 1), RandomPlayer(9, 0, 1))
    world.close()


def test_a_number_that_is_not_finite_ends_the_run_and_names_the_agent() -> None:
    world, _ = world_of("NotFinite", games=1)
    time_step = world.begin(training(0, 1))
    player = RandomPlayer(9, 0, 1)
    time_step = world.step(player(time_step))
    with pytest.raises(WorldError, match="the observation of agent digger_0 is not finite: nan"):
        world.step(player(time_step))
    world.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Continuous", r"agent scout_0 has the action space Box\(.*; allowed: Discrete"),
        ("Endless", r"agent scout_0 has the observation space Sequence\(.*no fixed length; allowed: Box"),
        ("not_parallel", "returns a object, which is not a ParallelEnv"),
        ("not_a_function", "is not a function"),
        ("nowhere", "has no attribute 'nowhere'"),
        ("broken", r"RuntimeError: no shovels \(parallel_envs.py, line \d+\)"),
    ],
)
def test_code_that_cannot_be_played_is_a_mistake_in_the_settings(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"env.code=.*{name} cannot be played.*{text}"):
        options_of(name)


def test_what_is_missing_or_does_not_fit_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"names no episode limit: write env.episode_limit="):
        team_spec("dig", options_of("Masked"))
    with pytest.raises(ConfigurationError, match=r"env.obs_dim=7, but env.code=.*:Dig has 5"):
        require_world("dig", options_of("Dig", obs_dim=7))
    with pytest.raises(ConfigurationError, match=r"map='a/b' is not a valid name"):
        team_spec("a/b", options_of("Dig"))
