"""The PettingZoo face: PettingZoo's own tests, and the same battle as the world's."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from fedqmix.envs.factory import make_world
from fedqmix.envs.pettingzoo import parallel_env
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError, WorldError
from support.worlds import KeepingSink, RandomPlayer, copied, options, over, training

MAPS = ("3m", "5m_vs_6m", "2s3z", "MMM", "corridor")


@pytest.mark.parametrize("map", MAPS)
def test_pettingzoo_accepts_it(map):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(parallel_env(map), num_cycles=200)
        parallel_seed_test(lambda: parallel_env(map, unavailable="stop"), num_cycles=50)


def played(env, choose, seed=None):
    """Play one battle; return the agents' view of every step."""
    observations, infos = env.reset(seed=seed)
    steps = [(observations, infos, env.state())]
    while env.agents:
        actions = {agent: choose(agent, observations[agent]) for agent in env.agents}
        observations, *rest = env.step(actions)
        steps.append((observations, *rest, env.state()))
    return steps


@pytest.mark.parametrize("map", MAPS)
@pytest.mark.parametrize("reward", ["team", "individual"])
def test_a_battle_has_the_worlds_own_numbers(map, reward):
    sink = KeepingSink()
    world = make_world(map, 5, options(), sink)
    player = RandomPlayer(0, 0, 1)
    time_steps, chosen = [copied(world.begin(training(0, 1)))], []
    while not over(time_steps[-1]).all():
        chosen.append(player(time_steps[-1]))
        time_steps.append(copied(world.step(chosen[-1])))
    env = parallel_env(map, seed=5, reward=reward)
    agents = env.possible_agents
    observations, _ = env.reset()
    for number, time_step in enumerate(time_steps):
        team = sink.time_steps[number]
        if number:
            actions = {agent: int(chosen[number - 1][a, 0]) for a, agent in enumerate(agents)}
            observations, rewards, terminations, truncations, infos = env.step(actions)
            own = time_step.individual_rewards[:, 0]
            paid = own if reward == "individual" else np.full(len(agents), team.team_reward[0])
            np.testing.assert_array_equal([rewards[agent] for agent in agents], paid)
            assert set(terminations.values()) == {bool(time_step.terminated[0])}
            assert set(truncations.values()) == {bool(time_step.truncated[0])}
            for a, agent in enumerate(agents):
                expected = {
                    "individual_reward": own[a],
                    "team_reward": team.team_reward[0],
                    "battle_won": time_step.won[0],
                }
                assert infos[agent] == expected
        for a, agent in enumerate(agents):
            np.testing.assert_array_equal(observations[agent]["observation"], time_step.observations[a, 0])
            np.testing.assert_array_equal(observations[agent]["action_mask"], time_step.available_actions[a, 0])
            assert env.observation_space(agent).contains(observations[agent])
        np.testing.assert_array_equal(env.state(), team.state[0])
    assert env.agents == []


def test_the_limit_truncates_and_defeat_terminates():
    limited = played(parallel_env("3m"), lambda agent, seen: 0 if seen["action_mask"][0] else first_west(seen))
    *_, terminations, truncations, _, _ = limited[-1]
    assert set(truncations.values()) == {True}
    assert set(terminations.values()) == {False}
    assert len(limited) == parallel_env("3m").spec.episode_limit + 1
    beaten = played(parallel_env("3m"), lambda agent, seen: int(seen["action_mask"].argmax()))
    *_, terminations, truncations, _, _ = beaten[-1]
    assert set(terminations.values()) == {True}
    assert set(truncations.values()) == {False}


def first_west(seen):
    """Walk out of everybody's way as long as there is one."""
    return 5 if seen["action_mask"][5] else 1


def test_the_dead_stay_and_only_take_the_no_op():
    steps = played(parallel_env("3m"), lambda agent, seen: int(seen["action_mask"].argmax()))
    fallen = [
        (step[0][agent], agent) for step in steps[1:-1] for agent in step[0] if step[0][agent]["action_mask"][0] == 1
    ]
    assert fallen
    for seen, _ in fallen:
        assert seen["action_mask"].sum() == 1
        assert not seen["observation"].any()


def test_a_seed_repeats_its_battles_and_another_does_not():
    def path(env, seed):
        random = np.random.default_rng(0)

        def choose(agent, seen):
            return int(random.choice(np.flatnonzero(seen["action_mask"])))

        return np.stack([step[-1] for step in played(env, choose, seed)])

    env = parallel_env("3m", seed=1)
    first, second = path(env, None), path(env, None)
    np.testing.assert_array_equal(path(env, 1), first)
    np.testing.assert_array_equal(path(parallel_env("3m", seed=2), 1), first)
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_unavailable_actions_are_refused_or_become_stop():
    env = parallel_env("3m")
    env.reset()
    with pytest.raises(UnavailableActionError, match=r"agent_0 cannot take action 6.*allows 1, "):
        env.step(dict.fromkeys(env.agents, 6))
    standing, obeying = parallel_env("3m"), parallel_env("3m", unavailable="stop")
    for one in (standing, obeying):
        one.reset()
    standing.step(dict.fromkeys(standing.agents, 1))
    obeying.step(dict.fromkeys(obeying.agents, 6))
    spec = standing.spec
    places = spec.state_dim - spec.n_agents * spec.n_actions
    np.testing.assert_array_equal(standing.state()[:places], obeying.state()[:places])


def test_mistakes_are_named():
    env = parallel_env("3m")
    with pytest.raises(WorldError, match="call reset"):
        env.step({})
    with pytest.raises(WorldError, match="call reset"):
        env.state()
    env.reset()
    with pytest.raises(WorldError, match="agent_1, agent_2"):
        env.step({"agent_0": 1})
    with pytest.raises(ConfigurationError, match="team, individual"):
        parallel_env("3m", reward="mine")
    with pytest.raises(ConfigurationError, match="obs_last_actions"):
        parallel_env("3m", obs_last_actions=True)


def test_settings_of_the_world_reach_it():
    plain, more = parallel_env("3m"), parallel_env("3m", obs_last_action=True)
    wider = more.observation_space("agent_0")["observation"].shape[0]
    assert wider == plain.observation_space("agent_0")["observation"].shape[0] + 2 * plain.spec.n_actions


def test_the_missing_extra_is_named():
    code = "import sys; sys.modules['pettingzoo'] = None; import fedqmix.envs.pettingzoo"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'fedqmix[pettingzoo]'" in done.stderr
