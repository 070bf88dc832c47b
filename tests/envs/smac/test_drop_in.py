"""SMAC's own StarCraft2Env over the stand-in, and fedqmix.envs.StarCraft2Env: the same answers, call by call.

Runs where FEDQMIX_SMAC_PATH names a folder with SMAC's source, as test_unmodified_smac.py does.
"""

from __future__ import annotations

import inspect
import os

import numpy as np
import pytest

from fedqmix.envs import StarCraft2Env, smac_settings
from support.worlds import MAPS

SMAC_PATH = os.environ.get("FEDQMIX_SMAC_PATH", "")
pytestmark = pytest.mark.skipif(not SMAC_PATH, reason="FEDQMIX_SMAC_PATH names no folder with SMAC's source")

CLOSE = 1e-5
SEED = 11
ATTRIBUTES = (
    "map_name",
    "map_type",
    "n_agents",
    "n_enemies",
    "n_actions",
    "n_actions_no_attack",
    "n_actions_move",
    "episode_limit",
    "continuing_episode",
    "unit_type_bits",
    "shield_bits_ally",
    "shield_bits_enemy",
    "ally_state_attr_names",
    "enemy_state_attr_names",
    "max_reward",
    "battles_won",
    "battles_game",
    "timeouts",
    "force_restarts",
)


@pytest.fixture
def smac(starcraft, monkeypatch):
    """SMAC's class; its games end with the test."""
    monkeypatch.syspath_prepend(SMAC_PATH)
    from smac.env.starcraft2.starcraft2 import StarCraft2Env as Original

    made = []

    def make(**settings):
        made.append(Original(**settings))
        return made[-1]

    make.original = Original
    yield make
    for env in made:
        env.close()


def assert_equal_views(ours, theirs, over: bool) -> None:
    np.testing.assert_allclose(np.stack(ours.get_obs()), np.stack(theirs.get_obs()), atol=CLOSE)
    np.testing.assert_allclose(ours.get_state(), theirs.get_state(), atol=CLOSE)
    np.testing.assert_array_equal(ours.last_action, theirs.last_action)
    assert [vector.dtype for vector in ours.get_obs()] == [vector.dtype for vector in theirs.get_obs()]
    assert ours.get_state().dtype == theirs.get_state().dtype
    assert isinstance(ours.get_avail_actions(), list)
    if not over:
        assert ours.get_avail_actions() == theirs.get_avail_actions()


def forward(env) -> list[int]:
    """Attack the last enemy that can be attacked, else walk east."""
    masks = [np.array(mask) for mask in env.get_avail_actions()]
    return [int(np.flatnonzero(mask)[-1]) if mask[6:].any() else 4 if mask[4] else int(mask.argmax()) for mask in masks]


def play_beside(ours, theirs, choose) -> None:
    """Play an episode in both."""
    for one, other in zip(ours.reset(), theirs.reset(), strict=True):
        np.testing.assert_allclose(np.stack(one), np.stack(other), atol=CLOSE)
    terminated = False
    while not terminated:
        actions = choose(theirs)
        reward, terminated, info = ours.step(actions)
        their_reward, their_end, their_info = theirs.step(actions)
        assert reward == pytest.approx(their_reward, abs=CLOSE)
        assert terminated == their_end
        assert info == their_info
        assert_equal_views(ours, theirs, terminated)
    assert ours.get_stats() == theirs.get_stats()


@pytest.mark.parametrize(
    ("map", "settings"),
    [
        ("3m", {}),
        ("3m", {"continuing_episode": True, "reward_only_positive": False}),
        ("2s3z", {"obs_last_action": True, "state_last_action": False}),
        ("MMM", {}),
    ],
)
def test_the_same_answers(smac, map, settings):
    ours = StarCraft2Env(map_name=map, seed=SEED, **settings)
    theirs = smac(map_name=map, seed=SEED, **settings)
    random = np.random.default_rng(0)

    def at_random(env):
        return [int(random.choice(np.flatnonzero(mask))) for mask in env.get_avail_actions()]

    def away(env):
        return [0 if mask[0] else 5 if mask[5] else 1 for mask in env.get_avail_actions()]

    for choose in (at_random, forward, away, forward, at_random):
        play_beside(ours, theirs, choose)
    info, their_info = ours.get_env_info(), theirs.get_env_info()
    assert info == their_info
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.seed() == theirs.seed() == SEED
    assert ours.get_stats()["battles_game"] == 5


def test_an_unavailable_action_is_refused_by_both(smac):
    for env in (StarCraft2Env(map_name="3m", seed=SEED), smac(map_name="3m", seed=SEED)):
        env.reset()
        with pytest.raises(Exception, match=r"Agent 1 cannot (take|perform) action 6"):
            env.step([1, 6, 1])


def test_the_keyword_arguments_and_defaults_are_smacs(smac):
    parameters = list(inspect.signature(smac.original).parameters.values())
    known = {*smac_settings.PLAYED, *smac_settings.KEPT, *smac_settings.FIXED, *smac_settings.IGNORED}
    assert {parameter.name for parameter in parameters} - {"map_name"} == known - {"randomise", "starts"}
    defaults = {parameter.name: parameter.default for parameter in parameters} | {"seed": 1}
    map_name = defaults.pop("map_name")
    assert smac_settings.read_settings(defaults) == smac_settings.read_settings({"seed": 1})
    assert map_name == StarCraft2Env().map_name


@pytest.mark.slow
@pytest.mark.parametrize("map", MAPS)
def test_on_every_map(smac, map):
    ours, theirs = StarCraft2Env(map_name=map, seed=SEED), smac(map_name=map, seed=SEED)
    play_beside(ours, theirs, forward)
    assert ours.get_env_info() == theirs.get_env_info()
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
