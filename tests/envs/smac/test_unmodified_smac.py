"""SMAC's own StarCraft2Env over pysc2 over the stand-in shows what skirmish shows, step by step.

Runs where FEDQMIX_SMAC_PATH names a folder with SMAC's source (its package `smac`), as fetched from its repository.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from fedqmix.envs.factory import maximum_reward, team_spec
from fedqmix.envs.maps import load_map
from fedqmix.envs.scripted import ScriptedTeam
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.core.world import EpisodeBatch
from support.worlds import MAPS, KeepingSink, RandomPlayer, options, training

SMAC_PATH = os.environ.get("FEDQMIX_SMAC_PATH", "")
pytestmark = pytest.mark.skipif(not SMAC_PATH, reason="FEDQMIX_SMAC_PATH names no folder with SMAC's source")

CLOSE = 1e-5
SEED = 11
RANDOM_STEPS = 300
EVERYTHING = {
    "obs_last_action": True,
    "obs_pathing_grid": True,
    "obs_terrain_height": True,
    "obs_timestep_number": True,
    "state_timestep_number": True,
    "reward_only_positive": False,
}


class Beside:
    """SMAC's environment and a world of skirmish that is to show the same."""

    def __init__(self, smac, map: str, changes) -> None:
        self.env = smac(map_name=map, seed=SEED, **changes)
        self.map, self.options = map, options(**changes)
        self.sink = KeepingSink()
        self.world = SkirmishWorld(load_map(map), SEED, self.options, self.sink)
        self.outcomes: list[str] = []
        self.steps = 0

    def begin(self) -> None:
        """Begin the next battle in both."""
        self.battles: EpisodeBatch = training(len(self.outcomes), 1)
        self.env.reset()
        self.time_step = self.world.begin(self.battles)
        self.compare()

    def weaken_enemies(self) -> None:
        """Leave every enemy one point of health and no shield, by debug commands of the game."""
        from s2clientprotocol import debug_pb2

        value = debug_pb2.DebugSetUnitValue
        self.env._controller.debug(
            [
                debug_pb2.DebugCommand(unit_value=value(unit_value=kind, value=points, unit_tag=unit.tag))
                for unit in self.env.enemies.values()
                for kind, points in ((value.Life, 1.0), (value.Shields, 0.0))
            ]
        )
        self.env._obs = self.env._controller.observe()
        self.env.init_units()
        enemies = self.world.units_of_all_battles()[0, self.env.n_agents :]
        enemies["health"], enemies["shield"] = 1.0, 0.0

    def step(self, actions) -> bool:
        """Take an environment step in both; return whether the battle is over."""
        reward, terminated, info = self.env.step(actions[:, 0])
        self.time_step = self.world.step(actions)
        self.steps += 1
        assert reward == pytest.approx(self.sink.time_steps[-1].team_reward[0], abs=CLOSE)
        assert terminated == (self.time_step.terminated[0] or self.time_step.truncated[0])
        assert info["battle_won"] == self.time_step.won[0]
        self.compare()
        if terminated:
            self.outcomes.append(
                "won" if self.time_step.won[0] else "lost" if self.time_step.terminated[0] else "cut off"
            )
        return terminated

    def compare(self) -> None:
        """Compare all that SMAC returns, but for what could be done after a battle's end, which nobody asks."""
        np.testing.assert_allclose(self.time_step.observations[:, 0], np.stack(self.env.get_obs()), atol=CLOSE)
        np.testing.assert_allclose(self.sink.time_steps[-1].state[0], self.env.get_state(), atol=CLOSE)
        if not self.time_step.terminated[0]:
            np.testing.assert_array_equal(
                self.time_step.available_actions[:, 0], np.array(self.env.get_avail_actions())
            )

    def play_random(self) -> None:
        """Play a battle with random available actions."""
        self.begin()
        player = RandomPlayer(SEED, len(self.outcomes), 1)
        while not self.step(player(self.time_step)):
            pass

    def play_scripted(self, *, weak: bool) -> None:
        """Play a battle in which everybody attacks the nearest, weak enemies or others."""
        self.begin()
        if weak:
            self.weaken_enemies()
        team = ScriptedTeam("nearest", self.map, SEED)
        team.begin(self.battles)
        while not self.step(team.choose(self.world.units_of_all_battles(), self.time_step.available_actions)):
            pass

    def close(self) -> None:
        self.env.close()
        self.world.close()


@pytest.fixture
def beside(starcraft, monkeypatch):
    """Make environments whose games end with the test."""
    monkeypatch.syspath_prepend(SMAC_PATH)
    from smac.env.starcraft2.starcraft2 import StarCraft2Env

    made = []

    def make(map: str, **changes) -> Beside:
        made.append(Beside(StarCraft2Env, map, changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def play_some(pair: Beside, random_steps: int) -> None:
    """Play some random battles, one by a script, and one against weak enemies; then compare what is summed up."""
    while pair.steps < random_steps:
        pair.play_random()
    pair.play_scripted(weak=False)
    pair.play_scripted(weak=True)
    pair.begin()
    stats = pair.env.get_stats()
    assert stats["battles_won"] == pair.outcomes.count("won")
    assert stats["timeouts"] == pair.outcomes.count("cut off")
    assert stats["restarts"] == 0
    assert pair.env.max_reward == maximum_reward(pair.map, pair.options)


@pytest.mark.parametrize("map", ["3m", "2s3z", "MMM2", "corridor"])
def test_smac_over_the_stand_in_shows_what_skirmish_shows(beside, map):
    pair = beside(map)
    play_some(pair, RANDOM_STEPS)
    assert {"won", "lost"} <= set(pair.outcomes)


def test_also_with_everything_that_smac_can_show(beside):
    pair = beside("2s3z", **EVERYTHING)
    play_some(pair, 50)
    assert "won" in pair.outcomes


def test_the_ground_is_the_maps_own(beside):
    pair = beside("2c_vs_64zg")
    pair.begin()
    record = load_map("2c_vs_64zg")
    np.testing.assert_array_equal(pair.env.pathing_grid, record.walkable)
    np.testing.assert_allclose(pair.env.terrain_height, record.height, atol=1e-6)
    assert (pair.env.max_distance_x, pair.env.max_distance_y) == record.walkable.shape


def test_smac_starts_a_crashed_game_again(beside, monkeypatch, tmp_path):
    monkeypatch.setenv("FEDQMIX_STAND_IN_COUNTER", str(tmp_path / "games"))
    monkeypatch.setenv("FEDQMIX_STAND_IN_CRASH", "1:75")
    pair = beside("3m")
    pair.play_random()
    while not pair.env.force_restarts:
        pair.begin()
        outcome = (0, False, {})
        while not outcome[1]:
            outcome = pair.env.step(np.argmax(pair.env.get_avail_actions(), axis=1))
        pair.outcomes.append("not watched")
    assert outcome == (0, True, {})
    pair.outcomes.clear()  # the new game's first battle goes on: what reset() kills are units of the game that crashed
    pair.play_random()
    assert (tmp_path / "games").read_text() == "2"


@pytest.mark.slow
@pytest.mark.parametrize("map", MAPS)
def test_on_every_map(beside, map):
    pair = beside(map)
    info, spec = pair.env.get_env_info(), team_spec(map, pair.options)
    assert info["n_agents"] == spec.n_agents
    assert info["n_actions"] == spec.n_actions
    assert info["obs_shape"] == spec.obs_dim
    assert info["state_shape"] == spec.state_dim
    assert info["episode_limit"] == spec.episode_limit
    play_some(pair, 100)
    assert "won" in pair.outcomes or map == "so_many_baneling"  # where the weak burst when they are killed
