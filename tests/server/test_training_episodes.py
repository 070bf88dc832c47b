"""The mixer's side reports how training episodes ended, since its last report."""

import numpy as np
import pytest

from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from support.toy_team import make_team


def expected(played):
    """Means of several bouts; in the toy world the team's reward is the sum of what its agents earn."""
    lengths = np.concatenate([one.lengths for one in played])
    individual_returns = sum(one.individual_returns.sum() for one in played)
    won = np.concatenate([one.won for one in played]).mean()
    return {"battle_won_mean": won, "return_mean": individual_returns / len(lengths), "ep_length_mean": lengths.mean()}


def test_means_are_over_the_training_episodes_since_the_last_report():
    team = make_team()
    assert team.learner.report() == {}
    for bouts in (2, 1):
        played = [collect(team.agents, team.world) for _ in range(bouts)]
        evaluate(team.agents, team.world, 0, 5)
        assert team.learner.episode_means() == pytest.approx(expected(played))
        assert team.learner.report() == pytest.approx(expected(played))
        assert team.learner.episode_means() == team.learner.report() == {}


def test_a_report_goes_on_from_a_checkpoint():
    whole, resumed = make_team(), make_team()
    train_round(whole.agents, whole.world, whole.learner, RoundPlan(3, 10**9, False))
    state, agents = (
        {name: value.detach().clone() for name, value in side.state().items()} for side in (whole.learner, whole.agents)
    )
    collect(whole.agents, whole.world)
    resumed.learner.load_state(state)
    resumed.agents.load_state(agents)
    collect(resumed.agents, resumed.world)
    assert resumed.learner.report() == whole.learner.report()
    del state["battle_sums"]  # a checkpoint from before
    resumed.learner.load_state(state)
    assert resumed.learner.report().keys() == {"loss", "td_error_abs", "grad_norm"}
