"""The rules of server.bounds by themselves: what is compared with what, and what passes untouched."""

import math

import pytest
import torch

from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from fedqmix.server.bounds import AgentBounds, value_ranges
from support.toy_team import algorithm, make_team
from support.toy_world import toy_spec

STEP = 7


def bounds(limit=50, **changes):
    usual = {"gamma": 0.9, "max_q": 2.0, "max_gradient": 10.0, "grad_norm_clip": 1.0}
    return AgentBounds(algorithm(**usual | changes), limit)


def q_values(of, q_taken, q_next=None, reward=1.0):
    q_taken = torch.tensor(q_taken, dtype=torch.float32)
    q_next = torch.zeros_like(q_taken) if q_next is None else torch.tensor(q_next, dtype=torch.float32)
    values = {"q_taken": q_taken, "q_next": q_next}
    found = of.q_values(values, value_ranges(values).tolist(), reward, STEP)
    return None if found is None else tuple(found.values())


# Q-values: 2 x 1 / (1 - 0.9) = 20


def test_values_at_the_bound_pass():
    of = bounds()
    assert q_values(of, [[19.99, -19.99], [1, 1], [0, 0]]) is None
    assert of.faults == {}


def test_values_beyond_it_are_clipped_to_what_the_others_show():
    of = bounds()
    taken, following = q_values(of, [[21, -3], [1, 2], [-0.5, 0]], [[-1, 0.5], [0, 0], [0, 0]])
    assert taken.tolist() == [[2, -2], [1, 2], [-0.5, 0]]
    assert following.tolist() == [[-1, 0.5], [0, 0], [0, 0]]
    assert list(of.faults) == [0]
    assert "q_taken up to 21 " in of.faults[0]
    assert "at training step 7; the bound was 20 (algorithm.max_q=2 times " in of.faults[0]


def test_the_bound_holds_for_q_next_too():
    of = bounds()
    taken, following = q_values(of, [[1.0], [1.0]], [[0.0], [-30.0]])
    assert (taken.tolist(), following.tolist()) == ([[1], [1]], [[0], [-1]])
    assert "q_next up to 30 " in of.faults[1]


@pytest.mark.parametrize(("gamma", "limit", "horizon"), [(0.9, 50, 10), (0.99, 50, 100), (1.0, 50, 50), (0.0, 50, 1)])
def test_the_bound_is_the_largest_reward_over_the_horizon(gamma, limit, horizon):
    for value, kept in ((1.99 * 3 * horizon, True), (2.01 * 3 * horizon, False)):
        of = bounds(limit, gamma=gamma)
        found = q_values(of, [[value], [0.1], [0.1]], reward=3.0)
        assert (found is None) == kept == (of.faults == {})


def test_a_team_that_shows_the_same_large_values_is_not_accused():
    """First networks where rewards are tiny, or a team that diverges."""
    of = bounds()
    assert q_values(of, [[0.3], [1.0], [-0.5]], reward=1e-6) is None
    assert q_values(of, [[3e8], [1e9], [-5e8]]) is None
    assert q_values(of, [[0.3], [1.0], [-0.5]], reward=0.0) is None
    assert of.faults == {}
    assert q_values(of, [[0.3], [100.0], [-0.5]], reward=1e-6) is not None
    assert list(of.faults) == [1]


def test_no_scale_at_all_is_no_bound():
    of = bounds()
    assert q_values(of, [[0.0], [5.0], [0.0]], reward=0.0) is None
    assert q_values(of, [[5.0]], reward=0.0) is None
    assert of.faults == {}


def test_a_team_of_one_has_the_rewards_bound():
    of = bounds()
    taken, _ = q_values(of, [[-33.0, 3.0]])
    assert taken.tolist() == [[-20, 3]]


def test_two_agents_are_compared_with_each_other():
    of = bounds()
    taken, _ = q_values(of, [[1.0], [1e6]])
    assert taken.tolist() == [[1], [1]]
    assert list(of.faults) == [1]


# gradients: 10 times the median of the others, and at least 1


def test_norms_within_the_bound_pass():
    of = bounds()
    assert of.norms([20.0, 2.0, 3.0], STEP) is None
    assert of.norms([0.9, 0.0, 1e-9], STEP) is None  # none shrinks anything
    assert of.faults == {}


def test_a_norm_beyond_it_counts_as_the_median_of_the_others():
    of = bounds()
    assert of.norms([2.0, 1e10, 3.0, 5.0], STEP) == [2.0, 3.0, 3.0, 5.0]
    assert list(of.faults) == [1]
    assert "a gradient of norm 1e+10 " in of.faults[1]
    assert "at training step 7; the bound was 30 (algorithm.max_gradient=10 times " in of.faults[1]


@pytest.mark.parametrize("sent", [0.0, 1e-30, 1e30])
@pytest.mark.parametrize("agents", [3, 4, 5])
def test_one_agent_cannot_have_another_one_noted(agents, sent):
    of = bounds()
    of.norms([sent, *[20.0 + agent for agent in range(1, agents)]], STEP)
    assert set(of.faults) <= {0}
    assert q_values(of, [[sent], *[[19.0]] * (agents - 1)]) is None or set(of.faults) == {0}


def test_two_agents_norms():
    of = bounds()
    assert of.norms([2.0, 1e10], STEP) == [2.0, 2.0]
    assert list(of.faults) == [1]
    of = bounds()
    assert of.norms([0.99, 1e-12], STEP) is None  # what is below grad_norm_clip is never noted
    assert of.norms([100.0, 0.0], STEP) is None  # nothing to compare with, and nothing to shrink
    assert of.faults == {}


def test_zero_norms():
    of = bounds()
    assert of.norms([0.0, 0.0, 0.0], STEP) is None
    assert of.norms([0.0, 0.0, 1e10], STEP) is None
    assert of.norms([0.0, 4.0, 1e10], STEP) == [0.0, 4.0, 4.0]
    assert list(of.faults) == [2]
    assert bounds().norms([1e10], STEP) is None


def test_rows_within_the_bound_are_the_same_tensor():
    rows = torch.randn(3, 40)
    assert bounds().rows(rows, STEP) is rows
    assert bounds(max_gradient=None).rows(rows * math.inf, STEP) is not None


def test_a_row_beyond_it_is_scaled_and_no_other():
    rows = torch.randn(3, 40)
    rows[2] *= 1e6
    of = bounds()
    found = of.rows(rows, STEP)
    assert torch.equal(found[:2], rows[:2])
    shown = max(float(rows[0].norm()), float(rows[1].norm()))
    assert torch.allclose(found[2], rows[2] / rows[2].norm() * shown)
    assert list(of.faults) == [2]


# the largest reward


def rewards_of(team):
    """Let the team's sink tell what it was told."""
    told, record = [0.0], team.learner.records.record

    def listening(time_step):
        told.append(float(abs(time_step.team_reward).max()))
        return record(time_step)

    team.learner.records.record = listening
    return told


def test_the_largest_reward_is_over_all_training_episodes():
    team = make_team()
    told = rewards_of(team)
    assert team.learner.records.largest_reward == 0
    evaluate(team.agents, team.world, 0, 40)
    assert team.learner.records.largest_reward == 0  # an evaluation leaves no trace
    told[:] = [0.0]
    for _ in range(6):
        collect(team.agents, team.world)
        assert team.learner.records.largest_reward == max(told)
    assert max(told) > 0


def test_the_largest_reward_comes_back_with_a_checkpoint():
    team, other = make_team(), make_team()
    train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, False))
    state = {name: value.detach().clone() for name, value in team.learner.state().items()}
    expected = team.learner.records.largest_reward
    assert float(state["largest_reward"]) == expected > 0
    other.learner.load_state(state)
    assert other.learner.records.largest_reward == expected


@pytest.mark.parametrize("first", ["asked for", "episodes"])
def test_a_checkpoint_from_before_has_the_largest_reward_of_its_episodes(first):
    """They are restored after the state."""
    team, other = make_team(algorithm(buffer_size=40)), make_team(algorithm(buffer_size=40))
    train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, False))
    state = {name: value.detach().clone() for name, value in team.learner.state().items()}
    expected = float(state.pop("largest_reward"))
    other.learner.load_state(state)
    other.learner.records.ring.restore(0, team.learner.records.ring.packed(0))
    if first == "episodes":
        collect(other.agents, other.world)
        assert other.learner.records.largest_reward >= expected
    else:
        assert other.learner.records.largest_reward == expected
    empty = make_team()
    empty.learner.load_state(state)
    assert empty.learner.records.largest_reward == 0


def test_bounds_are_those_of_the_settings():
    spec = toy_spec()
    team = make_team(algorithm(max_q=None, max_gradient=None), spec)
    assert q_values(team.learner.bounds, [[1e30], [1.0], [1.0]]) is None
    assert team.learner.bounds.norms([1e30, 1.0, 1.0], STEP) is None
