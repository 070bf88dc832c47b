"""Replays and pictures of StarCraft2Env."""

from __future__ import annotations

import numpy as np
import pytest

from fedqmix.envs import StarCraft2Env
from fedqmix.envs.replays import Result, read_replay
from fedqmix.runtime.core.errors import ConfigurationError, StorageError, WorldError
from support.smac_players import forward


def test_a_replay_is_the_episode_that_was_played(tmp_path):
    env = StarCraft2Env("2s3z", seed=2, replay_dir=str(tmp_path / "new"), replay_prefix="mine")
    for _ in range(2):
        env.reset()
        with pytest.raises(WorldError, match="before the first environment step"):
            env.save_replay()
        terminated, rewards, taken = False, [], []
        while not terminated:
            taken.append(forward(env))
            reward, terminated, info = env.step(taken[-1])
            rewards.append(reward)
    path = env.save_replay()
    assert path == str(tmp_path / "new" / "mine_1.json.gz")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["mine_1.json.gz"]
    replay = read_replay(path)
    assert replay.actions.tolist() == taken
    np.testing.assert_allclose(replay.team_reward, rewards, atol=1e-4)
    assert (replay.result is Result.WON) == info["battle_won"]
    fallen = (replay.health[-1] <= 0).tolist()
    assert fallen[:5].count(True) == info["dead_allies"]
    assert fallen[5:].count(True) == info["dead_enemies"]


def test_a_replay_of_a_running_episode_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = StarCraft2Env("3m", seed=2)
    env.reset()
    env.step([4, 4, 4])
    replay = read_replay(env.save_replay())
    assert (tmp_path / "replays" / "3m_0.json.gz").exists()
    assert replay.result is Result.CUT_OFF
    assert replay.steps == 1
    env.step([4, 4, 4])  # saving does not disturb the episode


def test_a_replay_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    env = StarCraft2Env("3m", replay_dir=str(tmp_path / "file"))
    env.reset()
    env.step([4, 4, 4])
    with pytest.raises(StorageError, match=r"cannot write .*file/3m_0\.json\.gz"):
        env.save_replay()


def test_render_returns_a_picture():
    env = StarCraft2Env("3m")
    env.reset()
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    env.step([4, 4, 4])
    assert (env.render("rgb_array") != picture).any()
    with pytest.raises(ConfigurationError, match="no window opens here; allowed: rgb_array"):
        env.render(mode="human")
