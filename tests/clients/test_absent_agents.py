"""Teams whose size varies, in learning: both sides' buffers, backends, losses, faults and checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, collect, train_round
from fedqmix.runtime.core.existence import entries, mean_over_existing
from fedqmix.runtime.storage.draw import slots_to_learn_from
from support.toy_team import algorithm, make_team

PLAN = RoundPlan(6, 10**9, False)


def test_both_sides_store_which_agents_exist() -> None:
    team = make_team(varies=True)
    played = [collect(team.agents, team.world) for _ in range(3)]
    assert sum(one.lengths.size for one in played) == 9
    slots = np.arange(9)
    own, of_team = team.agents.ring.exists(slots), team.learner.records.ring.exists(slots)
    assert own is not None
    assert not own.all()
    np.testing.assert_array_equal(own, of_team)
    longest_first = slots[np.argsort(-team.agents.ring.lengths(slots), kind="stable")]
    transitions = team.learner.records.sample(longest_first)
    assert transitions.exists is not None
    order = transitions.timeline
    np.testing.assert_array_equal(
        transitions.exists.numpy(), own[:, longest_first][:, order.moment_episode[order.taken]]
    )
    np.testing.assert_array_equal(sample_episodes(team.agents.ring, longest_first).exists, own[:, longest_first])


def test_whole_teams_have_no_masks_and_store_none() -> None:
    team = make_team()
    train_round(team.agents, team.world, team.learner, PLAN)
    for ring in (team.agents.ring, team.learner.records.ring):
        assert ring.exists(np.arange(ring.filled)) is None
        assert "exists" not in ring.packed(0)
    assert team.learner.records.sample(team.learner.slots).exists is None


@pytest.mark.parametrize("method", ["iql", "vdn", "qmix"])
def test_kernels_and_torch_agree(method: str) -> None:
    teams = [make_team(algorithm(name=method), varies=True, backend=backend) for backend in ("compiled", "torch")]
    for team in teams:
        for _ in range(3):
            collect(team.agents, team.world)
        train_step(team.agents, team.learner)
    kernels, by_torch = teams
    assert kernels.agents.learns_by_kernels
    assert not by_torch.agents.learns_by_kernels
    assert kernels.learner.report() == pytest.approx(by_torch.learner.report(), rel=1e-4)
    for name, value in by_torch.agents.online.items():
        assert value.grad is not None
        own = kernels.agents.online[name].grad
        assert own is not None
        assert torch.allclose(own, value.grad, rtol=1e-4, atol=1e-6), name


def test_means_are_over_agents_that_exist() -> None:
    values = torch.tensor([[1.0, 3.0, 5.0], [2.0, 100.0, 4.0], [100.0, 100.0, 100.0]])
    exists = torch.tensor([[True, True, True], [True, False, True], [False, False, False]])
    assert mean_over_existing(values, None) == values.mean()
    assert mean_over_existing(values, exists) == pytest.approx((3 + 3) / 2)  # the third agent never exists
    assert mean_over_existing(values, torch.ones_like(exists)) == pytest.approx(float(values.mean()))
    assert mean_over_existing(values[:1], exists) == pytest.approx(3)  # the team's values
    assert mean_over_existing(values, torch.zeros_like(exists)) == 0


@pytest.mark.parametrize("method", ["iql", "ippo"])
def test_an_absent_agent_leaves_the_others_the_loss_of_a_smaller_team(method: str) -> None:
    """The loss of a mean over agents, and its gradients, are those of the two agents that exist."""
    team = make_team(algorithm(name=method, batch_size=3, buffer_size=3, normalise_advantages=True))
    collect(team.agents, team.world)
    slots = slots_to_learn_from(team.agents.ring, 3, 5, 0, team.agents.half.replay)
    transitions = team.learner.records.sample(slots)
    random = torch.Generator().manual_seed(1)
    rows = {
        row.name: torch.randn(3, row.count(transitions.timeline), generator=random) for row in team.agents.half.rows
    }
    gone = torch.tensor([[True], [False], [True]])
    all_three = transitions._replace(exists=gone.expand(3, transitions.timeline.transitions))
    two = {name: row[[0, 2]] for name, row in rows.items()}
    half = team.learner.half
    found, expected = half.loss(half, rows, all_three), half.loss(half, two, transitions)
    for name, figure in expected[1].items():
        assert torch.isclose(found[1][name], figure, rtol=1e-5), name
    assert torch.isclose(found[0], expected[0], rtol=1e-5)


@pytest.mark.parametrize("value", [0.5, float("nan")], ids=str)
def test_rows_of_an_agent_that_does_not_exist_are_its_fault_and_count_as_zeros(value: float) -> None:
    honest, lying = make_team(varies=True), make_team(varies=True)
    gradients = []
    for team in (honest, lying):
        for _ in range(3):
            collect(team.agents, team.world)
        transitions = team.learner.records.sample(team.learner.slots)
        assert transitions.exists is not None
        random = torch.Generator().manual_seed(1)
        rows = {
            row.name: torch.randn(3, row.count(transitions.timeline), generator=random) for row in team.agents.half.rows
        }
        rows = {name: row.masked_fill(~transitions.exists, 0) for name, row in rows.items()}
        if team is lying:
            absent = (~transitions.exists[2]).nonzero()[:2, 0]
            rows["q_next"][2, absent] = value
        gradients.append(team.learner.exchange(rows)["q_taken"])
    assert torch.equal(*gradients)
    assert honest.learner.faults == {}
    assert lying.learner.faults == {
        2: "sent 2 values of q_next at training step 1 for episodes in which it does not exist; they must be 0"
    }


def test_a_checkpoint_keeps_who_exists() -> None:
    """Two rounds with a restart between them end as two rounds without."""
    straight, resumed = make_team(varies=True), make_team(varies=True)
    train_round(straight.agents, straight.world, straight.learner, PLAN)
    state = [{name: value.detach().clone() for name, value in of.state().items()} for of in _sides(straight)]
    rings = [of.packed(0) for of in _rings(straight)]
    for side, named in zip(_sides(resumed), state, strict=True):
        side.load_state(named)
    for ring, packed in zip(_rings(resumed), rings, strict=True):
        assert "exists" in packed
        ring.restore(straight.agents.ring.oldest, packed)
    for team in (straight, resumed):
        train_round(team.agents, team.world, team.learner, PLAN)
    for side, other in zip(_sides(straight), _sides(resumed), strict=True):
        for name, value in side.state().items():
            assert torch.equal(value, other.state()[name]), name


def test_moments_of_an_absent_agent_are_absent_too() -> None:
    team = make_team(varies=True)
    for _ in range(3):
        collect(team.agents, team.world)
    episodes = sample_episodes(team.agents.ring, team.learner.slots)
    assert episodes.exists is not None
    order, exists = episodes.timeline, torch.from_numpy(episodes.exists)
    moments = entries(exists, order, "moment")
    assert moments.shape == (3, order.moments)
    assert torch.equal(moments[:, order.batch :], entries(exists, order, "transition"))


def _sides(team):
    return team.agents, team.learner


def _rings(team):
    return team.agents.ring, team.learner.records.ring
