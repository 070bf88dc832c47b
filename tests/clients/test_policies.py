"""Actions drawn from a policy: how often, with what recorded, and the batches that are learned from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fedqmix.clients.acting import Categorical, play_batch
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows, train_step
from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import DivergenceError, SlotError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.toy_team import algorithm, make_agents, make_team
from support.toy_world import toy_spec

EPISODES = EpisodeBatch(Purpose.TRAINING, 6, 4)
TOGETHER = {"parallel_episodes": 4, "batch_size": 4, "buffer_size": 4, "epsilon_finish": 1.0}
METHODS = ("ippo", "mappo")


def team(name="mappo", **changes):
    return make_team(algorithm(name=name, **(TOGETHER | changes)))


def test_actions_are_drawn_as_often_as_they_are_probable():
    random = seeds.generator(3, "logits")
    logits = random.normal(0, 1.5, (2, 1, 6)).astype(np.float32)
    available = np.array([[[True, True, False, True, True, True]], [[False, True, True, True, False, False]]])
    count = 20_000
    policy = Categorical.of(np.repeat(logits, count, 1), np.repeat(available, count, 1))
    drawn = policy.draw(seeds.generator(3, "draws").random((2, count)))
    for agent in range(2):
        weights = np.where(available[agent, 0], np.exp(logits[agent, 0].astype(float)), 0)
        expected = weights / weights.sum()
        counts = np.bincount(drawn[agent], minlength=6)
        assert counts[~available[agent, 0]].sum() == 0
        held = expected > 0
        chi_square = ((counts - count * expected)[held] ** 2 / (count * expected[held])).sum()
        assert chi_square < 20.5  # of at most 4 degrees of freedom: less than 0.0004 of fair draws exceed it
        spread = np.sqrt(count * expected * (1 - expected))
        assert (np.abs(counts - count * expected) <= 4 * spread).all()


@given(
    arrays(np.float32, (2, 3, 5), elements=st.floats(-1e4, 1e4, width=32)),
    arrays(np.bool_, (2, 3, 5)),
    st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, np.nextafter(1.0, 0.0)])),
)
def test_an_action_that_is_not_available_is_never_drawn(logits, available, draw):
    available[..., 2] |= ~available.any(-1)
    policy = Categorical.of(logits, available)
    actions = policy.draw(np.full((2, 3), draw))
    assert np.take_along_axis(available, actions[..., None], -1).all()
    assert np.isfinite(policy.log_prob(actions)).all()
    assert (policy.log_prob(actions) <= 1e-6).all()


@pytest.mark.parametrize("name", METHODS)
def test_the_recorded_log_probability_is_the_drawn_actions(name):
    own = team(name)
    seen = []

    class Watching:
        def acting(self, time_step, q_values, actions, explored):
            masked = torch.from_numpy(np.where(time_step.available_actions, q_values, -np.inf)).double()
            all_of_them = masked.log_softmax(-1)
            seen.append(all_of_them.gather(-1, torch.from_numpy(actions)[..., None])[..., 0].numpy())
            assert explored.all()

        def over(self, time_step):
            pass

    played, _ = play_batch(own.agents, own.world, EPISODES, own.agents.epsilon(), Watching())
    assert own.agents.compiled is None  # the kernels act epsilon-greedily
    for time, expected in enumerate(seen):
        assert played.recorded["log_prob"][:, time] == pytest.approx(expected, abs=1e-6)
    assert len({tuple(action) for action in played.actions[:, 0].T}) > 1
    kept = played.only(np.array([True, False, True, False])).recorded["log_prob"]
    assert np.array_equal(kept, played.recorded["log_prob"][:, :, ::2])


def test_evaluations_are_greedy():
    own = team()

    class Watching:
        def acting(self, time_step, q_values, actions, explored):
            assert not explored.any()
            assert np.array_equal(actions, np.where(time_step.available_actions, q_values, -np.inf).argmax(-1))

        def over(self, time_step):
            pass

    play_batch(own.agents, own.world, EpisodeBatch(Purpose.EVALUATION, 0, 5), 0.0, Watching())


@pytest.mark.parametrize("name", METHODS)
def test_the_first_epochs_ratio_is_1(name):
    """Acting steps through an episode and learning unrolls it: equal up to the rounding of single precision."""
    own = team(name)
    for _ in range(3):
        collect(own.agents, own.world)
        rows = agent_rows(own.agents, sample_episodes(own.agents.ring, own.learner.slots)).rows
        assert torch.allclose(rows["log_prob"].exp() / rows["log_prob_old"].exp(), torch.ones(1), rtol=0, atol=2e-6)
        train_step(own.agents, own.learner)
        assert own.learner.report()["clipped"] == 0
        later = agent_rows(own.agents, sample_episodes(own.agents.ring, own.learner.slots)).rows
        assert torch.equal(later["log_prob_old"], rows["log_prob_old"])
        assert not torch.allclose(later["log_prob"], later["log_prob_old"], atol=1e-4)


def test_every_batch_is_learned_from_for_all_epochs_and_both_sides_take_the_newest():
    own = team(epochs=3, buffer_size=4)
    outcome = train_round(own.agents, own.world, own.learner, RoundPlan(7, 10**9, False))
    assert (outcome.training_steps, outcome.episodes, own.agents.pending_updates) == (7, 12, 2)
    larger = team(buffer_size=10)
    with pytest.raises(SlotError, match="4 episodes were asked for, 0 are stored"):
        train_step(larger.agents, larger.learner)
    for collected in range(1, 5):
        collect(larger.agents, larger.world)
        newest = {episode % 10 for episode in range(4 * collected - 4, 4 * collected)}
        assert set(larger.learner.slots.tolist()) == newest
        assert (np.diff(larger.agents.ring.lengths(larger.learner.slots)) <= 0).all()
        train_step(larger.agents, larger.learner)


def test_only_halves_that_record_have_a_column_of_their_own():
    assert list(make_agents((0,), toy_spec(), algorithm()).ring.fields) == [
        "observations",
        "available_actions",
        "actions",
    ]
    assert list(team().agents.ring.fields)[3:] == ["log_prob"]


@pytest.mark.parametrize(("row", "place"), [("log_prob", "a value of log_prob"), ("entropy", "a value of entropy")])
def test_a_row_that_is_not_finite_names_its_agent(row, place):
    own = team()
    collect(own.agents, own.world)
    rows = agent_rows(own.agents, sample_episodes(own.agents.ring, own.learner.slots)).rows
    given = {name: value.detach().clone() for name, value in rows.items()}
    given[row][1, 0] = torch.nan
    with pytest.raises(DivergenceError, match=f"{place} that agent 1 sent to the mixer"):
        own.learner.exchange(given)


def test_values_have_the_bound_of_q_values_and_log_probabilities_none():
    own = team("ippo", max_q=1.0)
    collect(own.agents, own.world)
    rows = agent_rows(own.agents, sample_episodes(own.agents.ring, own.learner.slots)).rows
    given = {name: value.detach().clone() for name, value in rows.items()}
    given["log_prob_old"][0] = -1e6
    own.learner.exchange(given)
    assert own.learner.faults == {}
    given["value"][2, 0] = 1e9
    own.learner.exchange(given)
    assert list(own.learner.faults) == [2]
    assert "values of value up to 1e+09" in own.learner.faults[2]


class Hits:
    """Counts how often a living agent takes the action that the toy world rewards, which it observes."""

    def __init__(self):
        self.hits = self.actions = 0

    def acting(self, time_step, q_values, actions, explored):
        alive = ~time_step.available_actions[..., 0]
        goals = time_step.observations[..., : time_step.available_actions.shape[2]].argmax(-1)
        self.hits += int((alive & (actions == goals)).sum())
        self.actions += int(alive.sum())

    def over(self, time_step):
        pass


@pytest.mark.parametrize("name", METHODS)
def test_a_team_learns_what_is_rewarded(name):
    """Greedy actions that are rewarded: about 4 of 10 at the beginning, and nearly all after 30 batches."""
    together = {"parallel_episodes": 16, "batch_size": 16, "buffer_size": 16}
    own = team(name, **together, epochs=5, gamma=0.3, entropy_coefficient=0.01)
    before, after = Hits(), Hits()
    evaluate(own.agents, own.world, 0, 32, before)
    train_round(own.agents, own.world, own.learner, RoundPlan(150, 10**9, False))
    evaluate(own.agents, own.world, 0, 32, after)
    assert before.hits < 0.5 * before.actions
    assert after.hits > 0.9 * after.actions
