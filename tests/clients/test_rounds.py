"""A Flower round on the agents' side: so many training steps, no more and no less."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from fedqmix.runtime.core.errors import SlotError
from fedqmix.runtime.core.world import Purpose
from fedqmix.runtime.storage.draw import slots_to_learn_from
from support.toy_team import algorithm, make_team
from support.toy_world import toy_spec

FOREVER = 10**9


def test_takes_exactly_its_steps_and_carries_owed_ones_over():
    team = make_team(algorithm(batch_size=4, parallel_episodes=3, updates_per_episode=1.5))
    taken = 0
    for steps in (1, 4, 2, 7, 3):
        outcome = train_round(team.agents, team.world, team.learner, RoundPlan(steps, FOREVER, False))
        taken += steps
        assert outcome.training_steps == steps
        assert team.agents.train_steps == team.learner.train_steps == taken
        # 3 episodes fill no batch of 4 and earn nothing; every later batch of 3 earns 4.5 steps, of which none is lost
        assert team.agents.pending_updates == 1.5 * (team.agents.episodes - 3) - taken
    assert team.agents.episodes == 15  # 17 steps are 3.8 batches of episodes, after the first


def test_plays_only_what_it_needs():
    """Steps that are still owed are taken before anything new is played."""
    team = make_team(algorithm(batch_size=3, parallel_episodes=3, updates_per_episode=2))
    played = []
    for _ in range(6):
        outcome = train_round(team.agents, team.world, team.learner, RoundPlan(2, FOREVER, False))
        played.append(outcome.episodes)
        assert (outcome.individual_returns > 0).any() == (outcome.episodes > 0)
    assert played == [3, 0, 0, 3, 0, 0]


def test_fewer_updates_than_episodes():
    team = make_team(algorithm(batch_size=3, parallel_episodes=3, updates_per_episode=0.25))
    outcome = train_round(team.agents, team.world, team.learner, RoundPlan(2, FOREVER, False))
    assert (outcome.training_steps, outcome.episodes) == (2, 9)
    assert team.agents.pending_updates == 0.25


def test_ends_early_once_the_team_has_played_enough():
    team = make_team(algorithm(parallel_episodes=2, batch_size=4, updates_per_episode=1))
    outcome = train_round(team.agents, team.world, team.learner, RoundPlan(10**6, 60, False))
    assert team.agents.env_steps >= 60
    last = team.agents.ring.packed(team.agents.episodes - 2)["lengths"].sum()
    assert team.agents.env_steps - int(last) < 60  # the episodes that passed the end were begun before it
    assert outcome.training_steps == outcome.episodes - 2  # all that was earned has been learned
    again = train_round(team.agents, team.world, team.learner, RoundPlan(5, 60, False))
    assert (again.training_steps, again.episodes) == (0, 0)
    assert again.individual_returns.tolist() == [0, 0, 0]


def test_earned_is_the_sum_over_the_rounds_episodes():
    team = make_team()
    rewards = []
    step = team.world.step

    def listening(actions):
        time_step = step(actions)
        rewards.append(time_step.individual_rewards.sum(1, dtype=float))
        return time_step

    team.world.step = listening
    for _ in range(2):
        rewards.clear()
        outcome = train_round(team.agents, team.world, team.learner, RoundPlan(6, FOREVER, False))
        assert outcome.individual_returns == pytest.approx(np.sum(rewards, axis=0))


def test_both_sides_store_the_same_episodes():
    team = make_team(algorithm(buffer_size=7))
    for _ in range(4):
        collect(team.agents, team.world)
    own, other = team.agents.ring, team.learner.records.ring
    assert own.added == other.added == 12
    assert np.array_equal(own.packed(0)["lengths"], other.packed(0)["lengths"])
    # ToyWorld shows the time both in the state and to the living
    seen = own.packed(0)["observations"][..., toy_spec().n_actions].amax(0)
    state = other.packed(0)["state"]
    alive = state[:, : toy_spec().n_agents].any(1)
    assert torch.equal(seen[alive], state[alive, toy_spec().n_agents])


def test_evaluation_leaves_no_trace():
    team = make_team()
    collect(team.agents, team.world)
    before = {name: value.clone() for name, value in (team.agents.state() | team.learner.state()).items()}
    held = team.agents.ring.added, team.learner.records.ring.added
    played = evaluate(team.agents, team.world, 0, 5)
    again = evaluate(team.agents, team.world, 0, 5)
    assert np.array_equal(played.individual_returns, again.individual_returns)
    assert np.array_equal(played.lengths, again.lengths)
    assert (team.agents.ring.added, team.learner.records.ring.added) == held
    after = team.agents.state() | team.learner.state()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    results = team.learner.records.results(Purpose.EVALUATION)
    assert np.array_equal(results.lengths, played.lengths)
    assert np.array_equal(results.won, played.won)
    assert results.returns.sum() == pytest.approx(played.individual_returns.sum())


def test_learning_before_there_is_a_batch_is_refused():
    team = make_team(algorithm(batch_size=4, parallel_episodes=3))
    collect(team.agents, team.world)
    with pytest.raises(SlotError, match="4 episodes were asked for, 3 are stored"):
        train_step(team.agents, team.learner)
    with pytest.raises(SlotError, match="4 episodes were asked for, 3 are stored"):
        team.learner.exchange({"q_taken": torch.zeros(3, 1), "q_next": torch.zeros(3, 1)})


def test_drawn_episodes_are_different_ones_longest_first():
    team = make_team(algorithm(batch_size=6, buffer_size=9))
    for _ in range(4):
        collect(team.agents, team.world)
    drawn = []
    for step in range(40):
        team.learner.train_steps = step
        slots = team.learner.slots
        assert len(set(slots.tolist())) == 6
        assert (np.diff(team.learner.records.ring.lengths(slots)) <= 0).all()
        assert np.array_equal(slots, slots_to_learn_from(team.agents.ring, 6, team.agents.seed, step))
        drawn.append(slots)
    counts = np.bincount(np.concatenate(drawn), minlength=9)
    assert counts.min() > 15  # of 26.7 expected
    assert len(counts) == 9
