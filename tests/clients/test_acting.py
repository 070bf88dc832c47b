"""Epsilon-greedy play: which actions, how often, decided by whom, and what is remembered of it."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fedqmix.clients.acting import Actor, play_batch, random_available
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.plain import Episode, all_q_values
from support.toy_team import algorithm, make_team

EPISODES = EpisodeBatch(Purpose.TRAINING, 6, 4)


@given(
    arrays(np.bool_, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 12))),
    st.floats(0, 1, exclude_max=True),
)
def test_random_actions_are_available(available, draw):
    available[..., -1] |= ~available.any(-1)
    chosen = random_available(available, np.full(available.shape[:-1], draw))
    assert chosen.shape == available.shape[:-1]
    assert np.take_along_axis(available, chosen[..., None], -1).all()


@pytest.mark.parametrize("available", [[1, 0, 0], [0, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 1, 1, 1]])
def test_every_available_action_is_equally_likely(available):
    """Draws spread evenly over [0, 1) pick each available action equally often, and no other."""
    each = 7
    draws = (np.arange(each * sum(available)) + 0.5) / (each * sum(available))
    chosen = random_available(np.tile(np.array(available, bool), (len(draws), 1)), draws)
    assert np.bincount(chosen, minlength=len(available)).tolist() == [each * a for a in available]


def test_largest_draw_still_picks_an_action():
    for count in range(1, 70):
        available = np.ones((1, count), bool)
        assert random_available(available, np.array([np.nextafter(1.0, 0.0)])).item() == count - 1


def test_epsilon_falls_linearly_and_stays():
    agents = make_team(algorithm(epsilon_start=0.9, epsilon_finish=0.1, epsilon_anneal_steps=80)).agents
    expected = {
        0: Fraction(9, 10),
        1: Fraction(89, 100),
        40: Fraction(1, 2),
        80: Fraction(1, 10),
        10**7: Fraction(1, 10),
    }
    for steps, epsilon in expected.items():
        agents.env_steps = steps
        assert agents.epsilon() == pytest.approx(float(epsilon))


def q_values_seen(team, played):
    """The online networks' Q-values of everything that was seen: {(agent, episode): [moment] of [n_actions]}."""
    values = {}
    for agent in team.agents.agent_ids:
        network = {name: value[agent].detach().double() for name, value in team.agents.online.items()}
        for b, length in enumerate(played.lengths.tolist()):
            seen = [torch.from_numpy(played.observations[agent, t, b]) for t in range(length + 1)]
            episode = Episode(length, True, [[]] * 3, [], [[]] * 3, [], [])
            episode.observations[agent] = seen
            episode.actions[agent] = played.actions[agent, :, b].tolist()
            values[agent, b] = all_q_values(network, episode, agent, team.agents.spec.n_agents)
    return values


@pytest.mark.parametrize("coin", ["agent", "team"])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0])
def test_actions_are_greedy_unless_the_coin_says_explore(epsilon, coin):
    team = make_team(algorithm(exploration_draws=coin))
    played, _ = play_batch(team.agents, team.world, EPISODES, epsilon)
    q = q_values_seen(team, played)
    actor = Actor(team.agents, EPISODES, epsilon)
    greedy, explored = 0, 0
    for (agent, b), values in q.items():
        for time in range(int(played.lengths[b])):
            available = played.available_actions[agent, time, b]
            action = played.actions[agent, time, b]
            assert available[action]
            if epsilon > 0 and actor.explore_draws[agent, time, b] < epsilon:
                assert action == random_available(available, actor.action_draws[agent, time, b])
                explored += 1
            else:
                assert action == np.where(available, values[time].numpy(), -np.inf).argmax()
                greedy += 1
    assert (greedy > 0) == (epsilon < 1)
    assert (explored > 0) == (epsilon > 0)


def test_who_tosses_the_coin():
    own = Actor(make_team(algorithm(exploration_draws="agent")).agents, EPISODES, 0.5).explore_draws
    team = Actor(make_team(algorithm(exploration_draws="team")).agents, EPISODES, 0.5)
    assert not np.array_equal(own[0], own[1])
    assert np.array_equal(team.explore_draws[0], team.explore_draws[1])
    assert np.array_equal(team.explore_draws[0], team.explore_draws[2])
    assert not np.array_equal(team.action_draws[0], team.action_draws[1])  # together they explore, but each for itself


def test_purposes_and_episodes_have_draws_of_their_own():
    agents = make_team().agents
    draws = [
        Actor(agents, batch, 1.0).explore_draws
        for batch in (EPISODES, EpisodeBatch(Purpose.EVALUATION, 6, 4), EpisodeBatch(Purpose.TRAINING, 10, 4))
    ]
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_what_is_played_is_what_is_recorded():
    """Lengths, rewards, ends and last moments, counted by hand from the world's own turns."""
    team = make_team()
    time_steps, actions = [], []

    class Listening:
        spec = team.world.spec

        def begin(self, batch):
            time_steps.append([np.copy(column) for column in team.world.begin(batch)])
            return team.world._world._turn

        def step(self, chosen):
            actions.append(chosen.copy())
            time_steps.append([np.copy(column) for column in team.world.step(chosen)])
            return team.world._world._turn

    played, _ = play_batch(team.agents, Listening(), EpisodeBatch(Purpose.TRAINING, 0, 6), 1.0)
    ends = np.array([t[3] | t[4] for t in time_steps])  # [moments, episodes]
    assert played.lengths.tolist() == ends.argmax(0).tolist()
    assert len(set(played.lengths.tolist())) > 2
    assert {bool(time_steps[-1][3][b]) for b in range(6)} == {True, False}, "no episode was cut off, or all were"
    assert played.individual_returns == pytest.approx(sum(t[2].astype(float) for t in time_steps))
    assert np.array_equal(played.won, time_steps[-1][5])
    for b, length in enumerate(played.lengths.tolist()):
        for time in range(length + 1):
            assert np.array_equal(played.observations[:, time, b], time_steps[time][0][:, b])
            assert np.array_equal(played.available_actions[:, time, b], time_steps[time][1][:, b])
        for time in range(length):
            assert np.array_equal(played.actions[:, time, b], actions[time][:, b])
