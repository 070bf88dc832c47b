"""A game may break down in the middle of an episode: it costs that episode, which is played again, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fedqmix.clients.playing import play, side_by_side
from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamSink, TeamSpec
from support.toy_team import ToyTeam, algorithm, make_agents, make_learner, make_team
from support.toy_world import ToyWorld, toy_spec

FOREVER = 10**9


class BreakingWorld(ToyWorld):
    """Breaks down at (purpose, episode): in each of these moments, one attempt at the episode after the other."""

    def __init__(self, spec: TeamSpec, seed: int, sink: TeamSink, breaks: dict[tuple[Purpose, int], list[int]]) -> None:
        super().__init__(spec, seed, sink)
        self.breaks = breaks
        self.begun: list[EpisodeBatch] = []

    def begin(self, batch):
        self.begun.append(batch)
        return super().begin(batch)

    def _break_down(self, batch):
        time_step = self._turn
        for episode in range(batch.count):
            moments = self.breaks.get((batch.purpose, batch.first + episode), [])
            if moments and moments[0] == self._time and not time_step.broken[episode]:
                assert not time_step.truncated[episode]
                del moments[0]
                time_step.broken[episode] = time_step.terminated[episode] = True
                time_step.won[episode] = False
                time_step.individual_rewards[:, episode] = self._team.team_reward[episode] = 0


def breaking_team(breaks, *, most: int | None = None, **changes) -> ToyTeam:
    spec = replace(toy_spec(), side_by_side=most)
    settings = algorithm(**changes)
    learner = make_learner(spec, settings)
    world = BreakingWorld(spec, 5, learner.records, breaks)
    return ToyTeam(make_agents(tuple(range(spec.n_agents)), spec, settings), world, learner)


def assert_same_episodes(team: ToyTeam) -> None:
    """Each slot holds one episode on both sides: who lives is in the state, and who does not sees nothing."""
    private, common = team.agents.ring.packed(0), team.learner.records.ring.packed(0)
    assert private["lengths"].tolist() == common["lengths"].tolist()
    sees = private["observations"].abs().sum(-1) > 0  # [agents, moments]
    assert np.array_equal(sees.T.numpy(), common["state"][:, : len(sees)].numpy() > 0)
    assert team.agents.env_steps == int(private["lengths"].sum())


def test_a_broken_episode_is_played_again_and_the_others_go_on():
    team = breaking_team({(Purpose.TRAINING, 1): [1, 0], (Purpose.TRAINING, 2): [0]}, buffer_size=50)
    played = collect(team.agents, team.world)
    assert played.broken == 3
    assert len(played.lengths) == team.agents.episodes == team.agents.ring.added == 3
    again = [(batch.first, batch.count, batch.series) for batch in team.world.begun]
    assert again == [(0, 3, 0), (1, 1, 0), (1, 1, 0), (2, 1, 0)]
    assert_same_episodes(team)


def test_what_others_lived_through_is_what_it_would_have_been():
    whole, team = make_team(algorithm(buffer_size=50)), breaking_team({(Purpose.TRAINING, 1): [1]}, buffer_size=50)
    collect(whole.agents, whole.world)
    collect(team.agents, team.world)
    own, undisturbed = team.agents.ring.packed(0), whole.agents.ring.packed(0)
    moments = (undisturbed["lengths"] + 1).tolist()
    first, _, third = torch.arange(sum(moments)).split(moments)
    kept = torch.cat([first, third])  # the second comes last here
    for field in ("actions", "observations"):
        assert torch.equal(own[field][:, : len(kept)], undisturbed[field][:, kept])


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_team_learns_whatever_breaks(most):
    breaks = {(Purpose.TRAINING, episode): [episode % 3, 0] for episode in range(0, 40, 3)}
    team = breaking_team(breaks, most=most, buffer_size=50)
    outcome = train_round(team.agents, team.world, team.learner, RoundPlan(9, FOREVER, False))
    assert outcome.training_steps == 9
    assert outcome.broken == 2 * sum(number < outcome.episodes for number in range(0, 40, 3))
    assert max(batch.count for batch in team.world.begun) <= most
    assert_same_episodes(team)


@pytest.mark.parametrize("most", [None, 1, 2])
def test_an_evaluation_counts_every_episode_once(most):
    breaks = {(Purpose.EVALUATION, 10): [0], (Purpose.EVALUATION, 12): [1, 1], (Purpose.EVALUATION, 14): [0]}
    team, whole = breaking_team(breaks, most=most), make_team()
    for first in (5, 10):
        played, expected = evaluate(team.agents, team.world, first, 5), evaluate(whole.agents, whole.world, first, 5)
    results = team.learner.records.results(Purpose.EVALUATION)
    undisturbed = whole.learner.records.results(Purpose.EVALUATION)
    assert played.broken == 4
    for name in ("returns", "lengths", "won"):  # greedy play: the same episode once more is the same episode
        assert np.array_equal(getattr(results, name), getattr(undisturbed, name)), name
    assert team.learner.evaluation_return() == whole.learner.evaluation_return()
    assert played.individual_returns == pytest.approx(expected.individual_returns)
    assert sorted(played.lengths) == sorted(expected.lengths)
    assert team.agents.ring.added == team.learner.records.ring.added == team.agents.env_steps == 0


def test_an_evaluation_that_is_attempted_again_replaces_the_first_attempt():
    team, whole = breaking_team({(Purpose.EVALUATION, 0): [1]}, most=2), make_team()
    for most in (3, 5):
        play(team.agents, team.world, EpisodeBatch(Purpose.EVALUATION, 0, most), 0.0)
    evaluate(whole.agents, whole.world, 0, 5)
    ours, theirs = (one.learner.records.results(Purpose.EVALUATION) for one in (team, whole))
    assert np.array_equal(ours.returns, theirs.returns)


def test_batches_are_cut_to_size():
    cut = list(side_by_side(EpisodeBatch(Purpose.POLICY, 7, 5), 2))
    assert [(batch.first, batch.count, batch.series) for batch in cut] == [(7, 2, 7), (9, 2, 7), (11, 1, 7)]
    assert [batch.count for batch in side_by_side(EpisodeBatch(Purpose.POLICY, 7, 5), None)] == [5]
