"""StarCraft2Env: SMAC's names and habits, and the same battle as the world's."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from functools import partial

import cloudpickle
import numpy as np
import pytest

from fedqmix.envs import StarCraft2Env, maximum_reward, smac_settings
from fedqmix.envs.factory import make_world, team_spec
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError, WorldError
from support.paths import python_path
from support.smac_players import first_available, forward, run_away
from support.worlds import KeepingSink, RandomPlayer, copied, options, over, training

MAPS = ("3m", "2s3z", "MMM", "corridor")
ELSEWHERE = os.environ | {"PYTHONPATH": python_path()}
SMAC_DEFAULTS = {
    "step_mul": 8,
    "move_amount": 2,
    "difficulty": "7",
    "game_version": None,
    "seed": None,
    "continuing_episode": False,
    "obs_all_health": True,
    "obs_own_health": True,
    "obs_last_action": False,
    "obs_pathing_grid": False,
    "obs_terrain_height": False,
    "obs_instead_of_state": False,
    "obs_timestep_number": False,
    "state_last_action": True,
    "state_timestep_number": False,
    "reward_sparse": False,
    "reward_only_positive": True,
    "reward_death_value": 10,
    "reward_win": 200,
    "reward_defeat": 0,
    "reward_negative_scale": 0.5,
    "reward_scale": True,
    "reward_scale_rate": 20,
    "replay_dir": "",
    "replay_prefix": "",
    "window_size_x": 1920,
    "window_size_y": 1200,
    "heuristic_ai": False,
    "heuristic_rest": False,
    "debug": False,
}
"""SMAC's keyword arguments, but for map_name, and their defaults (oxwhirl/smac at d6aab33)."""


def test_smacs_defaults_are_taken_without_a_note(caplog):
    with caplog.at_level(logging.INFO):
        plain, smac = StarCraft2Env(seed=1), StarCraft2Env("8m", **(SMAC_DEFAULTS | {"seed": 1}))
    assert not caplog.records
    assert plain.map_name == smac.map_name == "8m"
    for one, other in zip(plain.reset()[0], smac.reset()[0], strict=True):
        np.testing.assert_array_equal(one, other)
    kept = (*smac_settings.KEPT, *smac_settings.FIXED, *smac_settings.IGNORED, *smac_settings.PLAYED)
    assert set(SMAC_DEFAULTS) == set(kept) - {"randomise", "starts"}


@pytest.mark.parametrize("map", MAPS)
@pytest.mark.parametrize("changes", [{}, {"obs_last_action": True, "reward_only_positive": False}])
def test_a_battle_has_the_worlds_own_numbers(map, changes):
    sink = KeepingSink()
    world = make_world(map, 5, options(**changes), sink)
    player = RandomPlayer(0, 0, 1)
    time_steps, chosen = [copied(world.begin(training(0, 1)))], []
    dead = [(0, 0)]
    while not over(time_steps[-1]).all():
        chosen.append(player(time_steps[-1]))
        time_steps.append(copied(world.step(chosen[-1])))
        fallen = [unit.side for unit in world.snapshot(0) if unit.health <= 0]
        dead.append((fallen.count("ally"), fallen.count("enemy")))
    env = StarCraft2Env(map, seed=5, **changes)
    observations, state = env.reset()
    for number, time_step in enumerate(time_steps):
        team = sink.time_steps[number]
        if number:
            reward, terminated, info = env.step(chosen[number - 1][:, 0])
            observations, state = env.get_obs(), env.get_state()
            assert type(reward) is float
            assert reward == team.team_reward[0] == env.reward
            assert terminated is bool(over(time_step)[0])
            assert info == {
                "battle_won": bool(time_step.won[0]),
                "dead_allies": dead[number][0],
                "dead_enemies": dead[number][1],
            }
            np.testing.assert_array_equal(env.last_action.argmax(1), chosen[number - 1][:, 0])
        np.testing.assert_array_equal(np.stack(observations), time_step.observations[:, 0])
        np.testing.assert_array_equal(state, team.state[0])
        np.testing.assert_array_equal(env.get_avail_actions(), time_step.available_actions[:, 0])
        for agent in range(env.n_agents):
            np.testing.assert_array_equal(env.get_obs_agent(agent), observations[agent])
            assert env.get_avail_agent_actions(agent) == env.get_avail_actions()[agent]
    assert dead[-1] != (0, 0)
    assert env.get_stats()["battles_game"] == 1


@pytest.mark.parametrize("map", MAPS)
def test_the_sizes_are_the_worlds(map):
    env, spec = StarCraft2Env(map), team_spec(map, options())
    info = env.get_env_info()
    assert info["state_shape"] == env.get_state_size() == spec.state_dim
    assert info["obs_shape"] == env.get_obs_size() == spec.obs_dim
    assert info["n_actions"] == env.get_total_actions() == env.n_actions == spec.n_actions
    assert info["n_agents"] == env.n_agents == spec.n_agents
    assert info["episode_limit"] == env.episode_limit == spec.episode_limit
    assert env.max_reward == maximum_reward(map, options())
    named = env.n_agents * len(info["agent_features"]) + env.n_enemies * len(info["enemy_features"])
    assert named + env.n_agents * env.n_actions == spec.state_dim
    _, state = env.reset()
    health = [0 * len(info["agent_features"]), env.n_agents * len(info["agent_features"])]
    assert info["agent_features"][0] == info["enemy_features"][0] == "health"
    assert state[health].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("continuing", [False, True])
def test_the_limit_ends_an_episode_as_in_smac(continuing):
    env = StarCraft2Env("3m", seed=1, continuing_episode=continuing)
    env.reset()
    outcome, steps = (0.0, False, {}), 0
    while not outcome[1]:
        outcome = env.step(run_away(env))
        steps += 1
    assert steps == env.episode_limit
    assert outcome[2].get("episode_limit", False) is continuing
    assert ("episode_limit" in outcome[2]) is continuing  # SMAC has the key only then
    assert env.get_stats() == {
        "battles_won": 0,
        "battles_game": 1,
        "battles_draw": 1,
        "win_rate": 0.0,
        "timeouts": 1,
        "restarts": 0,
    }


def test_a_win_is_counted():
    env = StarCraft2Env("2s3z", seed=1, reward_death_value=0)
    assert env.get_stats()["win_rate"] == 0
    won = 0
    for number in range(1, 31):
        env.reset()
        terminated = False
        while not terminated:
            _, terminated, info = env.step(forward(env))
        won += info["battle_won"]
        assert env.get_stats()["battles_game"] == number
        assert info["battle_won"] == (info["dead_enemies"] == env.n_enemies and info["dead_allies"] < env.n_agents)
        if won:
            break
    assert env.get_stats()["battles_won"] == won == 1
    assert env.get_stats()["win_rate"] == pytest.approx(1 / number)


def first_episode(env: StarCraft2Env) -> list[float]:
    _, state = env.reset()
    numbers, terminated = list(state), False
    while not terminated:
        reward, terminated, _ = env.step(first_available(env))
        numbers += [reward, *env.get_state()]
    return numbers


def test_a_seed_repeats_its_battles():
    env, again = StarCraft2Env("3m", seed=4), StarCraft2Env("3m", seed=4)
    assert env.seed() == 4
    first, second = first_episode(env), first_episode(env)
    assert first_episode(again) == first
    assert first_episode(again) == second != first
    assert again.seed(4) == 4  # EPyMARL's wrapper passes one
    assert first_episode(again) == first
    assert first_episode(StarCraft2Env("3m", seed=5)) != first


def test_without_a_seed_one_is_drawn_and_can_be_repeated():
    env, other = StarCraft2Env("3m"), StarCraft2Env("3m")
    assert env.seed() != other.seed()
    assert first_episode(env) == first_episode(StarCraft2Env("3m", seed=env.seed()))


WORKER = """
import json, sys, cloudpickle
env = cloudpickle.loads(sys.stdin.buffer.read())()
env.reset()
reward, terminated, _ = env.step([mask.index(1) for mask in env.get_avail_actions()])
print(json.dumps([reward, terminated, env.get_state().tolist(), env.get_env_info(), env.get_stats()]))
"""


def test_another_process_makes_the_same_environment():
    """As the parallel runners do: a partial of the class through cloudpickle, then an environment in the process."""
    made = cloudpickle.dumps(partial(StarCraft2Env, map_name="2s3z", seed=3))
    done = subprocess.run([sys.executable, "-c", WORKER], input=made, env=ELSEWHERE, capture_output=True, check=True)
    env = StarCraft2Env("2s3z", seed=3)
    env.reset()
    reward, terminated, _ = env.step(first_available(env))
    expected = [reward, terminated, env.get_state().tolist(), env.get_env_info(), env.get_stats()]
    assert json.loads(done.stdout) == expected


def test_ignored_settings_are_noted_once(caplog, monkeypatch):
    monkeypatch.setattr(smac_settings, "_noted", set())
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            StarCraft2Env("3m", window_size_x=640, difficulty="A", debug=True)
    (record,) = caplog.records
    assert "difficulty, window_size_x, debug" in record.getMessage()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"map_name": "3mm"}, "unknown map '3mm'; did you mean '3m'"),
        ({"obs_last_actions": True}, "no setting 'obs_last_actions'. Did you mean 'obs_last_action'"),
        ({"step_mul": 16}, "step_mul=16 cannot be played: .*8 game loops. Allowed: step_mul=8"),
        ({"move_amount": 4}, "move_amount=4 cannot be played"),
        ({"heuristic_ai": True}, "heuristic_ai=True cannot be played"),
        ({"reward_win": "much"}, "reward_win"),
        ({"seed": "one"}, "seed='one' is not valid"),
        ({"seed": 1.5}, "seed=1.5 is not valid"),
        ({"continuing_episode": "no"}, "continuing_episode='no' is not valid: it must be of type bool"),
        ({"replay_dir": None}, "replay_dir=None is not valid: it must be of type str"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        StarCraft2Env(**settings)


def test_mistakes_before_the_first_episode_are_named():
    env = StarCraft2Env("3m")
    for ask in (env.get_obs, env.get_state, env.get_avail_actions, env.render, env.save_replay):
        with pytest.raises(WorldError, match="call reset"):
            ask()
    with pytest.raises(WorldError, match="call reset before step"):
        env.step([1, 1, 1])
    assert env.get_env_info()["n_agents"] == 3


def test_mistakes_in_an_episode_are_named_and_change_nothing():
    env = StarCraft2Env("3m", seed=1)
    env.reset()
    before = env.get_state()
    with pytest.raises(UnavailableActionError, match=r"Agent 1 cannot take action 6 \(attack enemy 0\)"):
        env.step([1, 6, 1])
    with pytest.raises(UnavailableActionError, match=r"Agent 2 cannot take action 0 \(no-op\)"):
        env.step([1, 1, 0])
    for wrong in (9, -1):
        with pytest.raises(UnavailableActionError, match=f"Agent 0 cannot take action {wrong} .*actions are 0 to 8"):
            env.step([wrong, 1, 1])
    for wrong in ([1, 1], [1, 1, 1, 1], []):
        with pytest.raises(WorldError, match=f"3 actions, one for every agent; got {len(wrong)}"):
            env.step(wrong)
    for value in (None, "east", float("nan")):
        with pytest.raises(WorldError, match="must be whole numbers from 0 to 8"):
            env.step([1, 1, value])
    for agent in (-1, 3):
        with pytest.raises(WorldError, match=f"no agent {agent}: agents are 0 to 2"):
            env.get_obs_agent(agent)
    np.testing.assert_array_equal(env.get_state(), before)
    assert env.step(np.array([1, 1, 1]))[1] is False


def test_an_ended_episode_takes_no_step():
    env = StarCraft2Env("3m", seed=1)
    first_episode(env)
    assert all(1 in mask for mask in env.get_avail_actions())  # learners choose once more and discard it
    with pytest.raises(WorldError, match="call reset before step"):
        env.step([0, 0, 0])
    env.close()
    with pytest.raises(WorldError, match="call reset"):
        env.get_state()
    env.reset()
