"""parallel_env(flat=True) and render: PettingZoo's own tests, the same numbers, and other libraries' wrappers."""

from __future__ import annotations

import copy
import importlib
import warnings

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test, render_test
from pettingzoo.utils import parallel_to_aec

from fedqmix.envs.pettingzoo import parallel_env
from fedqmix.runtime.core.errors import ConfigurationError, WorldError

MAPS = ("3m", "2s3z", "MMM")
SKY, GROUND = (0xBD, 0xBC, 0xB3), (0xEC, 0xEB, 0xE4)
BLUE, RED = (0x1F, 0x66, 0xC4), (0xC2, 0x47, 0x1D)


def needs(name: str):
    """The module, or a skipped test where it or something that it needs is not installed."""
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install {name}", exc_type=ImportError)


@pytest.mark.parametrize("map", MAPS)
def test_pettingzoo_accepts_it(map):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(parallel_env(map, flat=True, unavailable="stop"), num_cycles=200)
        parallel_seed_test(lambda: parallel_env(map, flat=True, unavailable="stop"), num_cycles=50)


@pytest.mark.parametrize("map", MAPS)
def test_flat_only_moves_the_mask(map):
    flat, nested = parallel_env(map, seed=3, flat=True), parallel_env(map, seed=3)
    for agent in flat.possible_agents:
        assert flat.observation_space(agent) == nested.observation_space(agent)["observation"]
        assert isinstance(flat.observation_space(agent), spaces.Box)
    random = np.random.default_rng(0)
    (seen, infos), (both, plain) = flat.reset(), nested.reset()
    steps = 0
    while True:
        for agent in flat.possible_agents:
            np.testing.assert_array_equal(seen[agent], both[agent]["observation"])
            np.testing.assert_array_equal(infos[agent]["action_mask"], both[agent]["action_mask"])
            assert infos[agent]["action_mask"].dtype == np.int8
            assert {name: value for name, value in infos[agent].items() if name != "action_mask"} == plain[agent]
            assert flat.observation_space(agent).contains(seen[agent])
        if not flat.agents:
            break
        actions = {agent: int(random.choice(np.flatnonzero(info["action_mask"]))) for agent, info in infos.items()}
        seen, *outcome, infos = flat.step(actions)
        both, *expected, plain = nested.step(actions)
        assert outcome == expected
        steps += 1
    assert steps > 5
    assert nested.agents == []


def test_observations_are_the_callers_to_keep():
    env = parallel_env("3m", flat=True)
    seen, _ = env.reset()
    kept = {agent: vector.copy() for agent, vector in seen.items()}
    env.step(dict.fromkeys(env.agents, 4))
    for agent, vector in kept.items():
        np.testing.assert_array_equal(seen[agent], vector)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: cloudpickle.loads(cloudpickle.dumps(env))])
def test_a_copy_begins_with_the_next_episode(duplicate):
    env = parallel_env("3m", seed=5, flat=True)
    env.reset()
    env.step(dict.fromkeys(env.agents, 4))
    other = duplicate(env)
    with pytest.raises(WorldError, match="call reset"):
        other.step(dict.fromkeys(env.possible_agents, 1))
    for one in (env, other):
        one.reset()
        one.step(dict.fromkeys(one.agents, 4))
    np.testing.assert_array_equal(env.state(), other.state())


@pytest.mark.parametrize("flat", [False, True])
def test_a_picture_shows_both_teams(flat):
    env = parallel_env("3m", flat=flat, render_mode="rgb_array")
    with pytest.raises(WorldError, match="call reset"):
        env.render()
    env.reset()
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    for colour in (SKY, GROUND, BLUE, RED):
        assert (picture == colour).all(-1).sum() > 100, colour
    blue = middle_of(picture, BLUE)
    assert blue < middle_of(picture, RED)  # the agents begin in the west
    for _ in range(4):
        env.step(dict.fromkeys(env.agents, 4))
    assert middle_of(env.render(), BLUE) > blue + 10  # they walked east
    assert env.render().shape == picture.shape


def middle_of(picture, colour) -> float:
    """The mean column of the pixels of one colour in the field, without title and caption."""
    return float(np.nonzero((picture[30:-30] == colour).all(-1))[1].mean())


def test_pettingzoo_renders_it():
    def make(render_mode):
        # PettingZoo's test begins with "human", which an environment need not have.
        mode = None if render_mode == "human" else render_mode
        return parallel_to_aec(parallel_env("3m", render_mode=mode))

    render_test(make)


def test_without_a_render_mode_nothing_is_drawn():
    env = parallel_env("3m")
    env.reset()
    with pytest.warns(UserWarning, match="render_mode='rgb_array'"):
        assert env.render() is None
    assert env.render_mode is None
    assert env.metadata["render_modes"] == ["rgb_array"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"render_mode": "human"}, "render_mode='human' is not known; allowed: None, rgb_array"),
        ({"flat": "yes"}, "flat='yes' is not known; allowed: False, True"),
        ({"name": "smac"}, "name='smac' is not played through this interface; allowed: skirmish"),
    ],
)
def test_mistakes_are_named(settings, words):
    with pytest.raises(ConfigurationError, match=words):
        parallel_env("3m", **settings)


def test_supersuit_makes_a_vector_of_it():
    """In this process; SuperSuit's worker processes return infos in another nesting."""
    supersuit = needs("supersuit")
    single = parallel_env("3m", flat=True, unavailable="stop")
    vector = supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(single), 2, num_cpus=0)
    try:
        assert vector.num_envs == 6
        seen, infos = vector.reset(seed=7)
        envs = [parallel_env("3m", seed=7 + number, flat=True, unavailable="stop") for number in range(2)]
        expected = [env.reset() for env in envs]
        random, ended = np.random.default_rng(0), 0
        for _ in range(80):
            np.testing.assert_array_equal(seen, [own for one, _ in expected for own in one.values()])
            masks = [info["action_mask"] for info in infos]
            np.testing.assert_array_equal(masks, [own["action_mask"] for _, one in expected for own in one.values()])
            actions = np.array([random.choice(np.flatnonzero(mask)) for mask in masks])
            seen, rewards, terminations, truncations, infos = vector.step(actions)
            expected, paid = [], []
            for number, env in enumerate(envs):
                chosen = dict(zip(env.agents, actions[3 * number : 3 * number + 3].tolist(), strict=True))
                outcome = env.step(chosen)
                paid += list(outcome[1].values())
                ended += not env.agents
                expected.append((outcome[0], outcome[4]) if env.agents else env.reset())
            np.testing.assert_allclose(rewards, paid, rtol=1e-6)
        assert ended > 0
        assert terminations.shape == truncations.shape == (6,)
    finally:
        vector.close()


@pytest.mark.parametrize("flat", [False, True])
def test_torchrl_plays_it(flat):
    needs("torchrl")
    wrapper = importlib.import_module("torchrl.envs.libs.pettingzoo").PettingZooWrapper
    env = wrapper(parallel_env("3m", seed=2, flat=flat, unavailable="stop"), use_mask=False)
    rollout = env.rollout(10)
    assert rollout["agent", "action"].shape[:2] == (10, 3)
    observation = rollout["agent", "observation"]
    vectors = observation if flat else observation["observation"]
    first, _ = parallel_env("3m", seed=2, flat=True).reset()
    assert vectors.shape == (10, 3, parallel_env("3m").spec.obs_dim)
    np.testing.assert_array_equal(vectors[0].numpy(), np.stack(list(first.values())))
