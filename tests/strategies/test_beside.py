"""What is aggregated beside the parameters: averaged alike, sent for training alone, and nobody else's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flwr.app import MessageType

from fedqmix.clients.answers import answer
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from support.real_team import NEVER, TRAIN_PLAN, message, run
from support.toy_agents import ToyAgents, ToyGrid, federate, joined, make_strategy
from support.toy_team import algorithm, make_team

ALL = {"adam_moments": "average", "share_targets": True}
MOMENTS = ("adam.exp_avg.", "adam.exp_avg_sq.")
NO_STEPS = TRAIN_PLAN | {m.TRAINING_STEPS: 0}


def arrays_of(messages, kind):
    return [
        {name: array.numpy() for name, array in one.content.array_records[m.ARRAYS].items()}
        for one in messages
        if one.metadata.message_type == kind
    ]


def own_state(team):
    return {name: value.clone() for name, value in team.agents.state().items()}


def asked(team, arrays, plan=NO_STEPS, kind=MessageType.TRAIN):
    """Let a team be sent arrays [agents, ...], and train for no step at all."""
    rows = [{name: value[agent] for name, value in arrays.items()} for agent in range(3)]
    return answer(team.agents, team.world, team.learner, [message(kind, plan, row) for row in rows])


@pytest.mark.parametrize(
    ("changes", "prefixes"),
    [
        ({}, ()),
        ({"adam_moments": "reset"}, ()),
        ({"share_targets": True}, ("target.",)),
        ({"adam_moments": "average"}, MOMENTS),
        (ALL, ("target.", *MOMENTS)),
    ],
)
@pytest.mark.parametrize("name", ["a_pps", "rs_pps", "pp_pps"])
def test_training_messages_hold_what_is_asked_for_and_others_the_parameters(name, changes, prefixes):
    shared = [one for one in PARAMETER_NAMES if name != "pp_pps" or one.startswith("head.")]
    _, strategy, grid, result = run(name, 2, evaluate_every=1, reward="policy", **changes)
    whole = shared + [prefix + one for prefix in prefixes for one in shared]
    for arrays in arrays_of([*grid.questions, *grid.replies], MessageType.TRAIN):
        assert list(arrays) == whole
    for kind in (MessageType.EVALUATE, m.POLICY):
        sent = arrays_of(grid.questions, kind)
        assert all(list(arrays) == shared for arrays in sent)
        assert sent or (kind == m.POLICY and name == "a_pps")
    assert list(result.arrays) == list(strategy.record.distances) == shared
    assert set(strategy.state()) == set(whole) - set(shared)


def test_everything_is_averaged_with_the_weights_of_the_round():
    _, strategy, grid, _ = run("rs_pps", 1, NEVER, **ALL)
    replies = arrays_of(grid.replies, MessageType.TRAIN)
    assert max(strategy.record.weights) > 0.34
    for name, value in strategy.state().items():
        weighed = zip(strategy.record.weights, replies, strict=True)
        expected = sum(weight * reply[name].astype(np.float64) for weight, reply in weighed)
        assert np.array_equal(value, expected.astype(np.float32)), name
        assert value.any(), name


def test_the_next_round_is_sent_what_the_last_one_averaged():
    _, strategy, grid, _ = run("rs_pps", 3, NEVER, **ALL)
    sent = arrays_of(grid.questions, MessageType.TRAIN)
    for arrays in sent[:3]:
        for name in PARAMETER_NAMES:
            assert np.array_equal(arrays["target." + name], arrays[name])
            assert not any(arrays[prefix + name].any() for prefix in MOMENTS)
    _, before, _, result = run("rs_pps", 2, NEVER, **ALL)
    expected = before.state() | {name: array.numpy() for name, array in result.arrays.items()}
    for arrays in sent[6:]:
        assert arrays.keys() == expected.keys()
        assert all(np.array_equal(value, expected[name]) for name, value in arrays.items())
    assert strategy.record.bytes_up == strategy.record.bytes_down > 3.9 * run("rs_pps", 1, NEVER)[1].record.bytes_up


def test_a_strategy_goes_on_from_what_it_averaged():
    whole = ToyAgents()
    federate(make_strategy("pp_pps", **ALL), ToyGrid(whole), 3)
    strategy, later = make_strategy("pp_pps", **ALL), make_strategy("pp_pps", **ALL)
    aggregate = federate(strategy, ToyGrid(ToyAgents()), 2).arrays
    assert strategy.state()
    later.first_round = 3
    later.load_state({name: value.copy() for name, value in strategy.state().items()})
    rest = ToyAgents()
    grid = ToyGrid(rest)
    joined(later, grid)
    later.start(grid=grid, initial_arrays=aggregate, num_rounds=1)
    sent, expected = (
        arrays_of([question for _, question in agents.asked(MessageType.TRAIN)][-3:], MessageType.TRAIN)
        for agents in (rest, whole)
    )
    for one, other in zip(sent, expected, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(value, other[name]) for name, value in one.items())


def test_agents_hold_what_they_are_sent():
    """Of the head alone; all else is as it was. What agents return is what they hold."""
    team, *_ = run("none", 2, NEVER)
    before, random = own_state(team), np.random.default_rng(1)
    sent = {
        prefix + "head.bias": torch.from_numpy(random.random((3, 5), np.float32))
        for prefix in ("", "target.", *MOMENTS)
    }
    replies = asked(team, sent)
    after = team.agents.state()
    for name, value in sent.items():
        where = "online." + name if name == "head.bias" else name
        assert torch.equal(after[where], value)
        for agent, reply in enumerate(replies):
            assert np.array_equal(reply.content.array_records[m.ARRAYS][name].numpy(), value[agent].numpy())
    for name, value in before.items():
        if not name.endswith("head.bias") or name.startswith("adam.step"):
            assert torch.equal(after[name], value), name


def test_a_reset_is_of_the_shared_parameters_and_of_their_step_counts():
    team, *_ = run("none", 2, NEVER)
    before = own_state(team)
    shared = {"head.bias": before["online.head.bias"]}
    asked(team, shared)
    assert all(torch.equal(value, before[name]) for name, value in team.agents.state().items())
    asked(team, shared, NO_STEPS | {m.RESET_MOMENTS: True})
    for name, value in team.agents.state().items():
        if name.startswith("adam.") and name.endswith(".head.bias"):
            assert not value.any()
            assert before[name].any()
        else:
            assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("name", ["a_pps", "pp_pps"])
def test_moments_are_reset_at_every_rounds_beginning(name):
    """After 4 training steps a round, Adam has counted 4 for what is shared, and all of them for what is not."""
    team, *_ = run(name, 3, evaluate_every=1, adam_moments="reset")
    steps = {one: int(team.agents.state()[f"adam.step.{one}"]) for one in PARAMETER_NAMES}
    assert steps == {one: 4 if name == "a_pps" or one.startswith("head.") else 12 for one in PARAMETER_NAMES}


def test_an_evaluation_changes_no_moments_and_no_targets():
    team, *_ = run("none", 2, NEVER)
    before = own_state(team)
    plan = {m.ROUND: 2, m.FIRST_EPISODE: 0, m.EPISODES: 2, m.PURPOSES: ["evaluation"]}
    asked(team, {"head.bias": torch.ones(3, 5)}, plan, MessageType.EVALUATE)
    after = team.agents.state()
    assert (after["online.head.bias"] == 1).all()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name != "online.head.bias")


@pytest.mark.parametrize(
    ("kind", "plan", "name", "value", "text"),
    [
        (MessageType.EVALUATE, {}, "adam.exp_avg.head.bias", torch.ones(3, 5), "a parameter 'adam.exp_avg.head.bias'"),
        (MessageType.EVALUATE, {}, "target.head.bias", torch.ones(3, 5), "a parameter 'target.head.bias'; they have"),
        (m.POLICY, {}, "target.head.bias", torch.ones(3, 5), "a parameter 'target.head.bias'; they have"),
        (MessageType.TRAIN, {}, "adam.step.head.bias", torch.ones(3), "a parameter 'adam.step.head.bias'; they have"),
        (MessageType.TRAIN, {}, "target.head", torch.ones(3, 5), "a parameter 'target.head'; they have fc.weight"),
        (MessageType.TRAIN, {}, "target.head.bias", torch.ones(3, 4), r"shape \(3, 4\), expected \(3, 5\)"),
        (MessageType.TRAIN, {}, "adam.exp_avg.head.bias", torch.full((3, 5), torch.inf), "that are not finite"),
        (MessageType.TRAIN, {}, "adam.exp_avg_sq.head.bias", torch.full((3, 5), -0.1), "with values below zero"),
        (MessageType.TRAIN, {m.PROXIMAL_MU: -0.5}, "head.bias", torch.ones(3, 5), "at least 0, got -0.5"),
        (MessageType.TRAIN, {m.PROXIMAL_MU: True}, "head.bias", torch.ones(3, 5), "at least 0, got True"),
        (MessageType.TRAIN, {m.PROXIMAL_MU: float("inf")}, "head.bias", torch.ones(3, 5), "at least 0, got inf"),
    ],
)
def test_what_an_agent_does_not_take(kind, plan, name, value, text):
    team = make_team(algorithm())
    with pytest.raises(FederationError, match=text):
        asked(team, {name: value}, TRAIN_PLAN | plan, kind)
    assert team.agents.train_steps == 0
    before = make_team(algorithm()).agents.state()
    assert all(torch.equal(found, before[one]) for one, found in team.agents.state().items())
