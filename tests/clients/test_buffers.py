"""Buffers: arrays that agents are sent to keep. They are neither trained nor returned, and are in checkpoints."""

from __future__ import annotations

import pytest
import torch
from flwr.app import MessageType

from fedqmix.clients.answers import answer
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from support.real_team import TRAIN_PLAN, message
from support.toy_team import algorithm, make_team

MASK = torch.tensor([[True, False], [False, True], [True, True]])
DECLARED = {m.BUFFERS: ["buffer.mask"]}


def asked(team, arrays, plan, kind=MessageType.TRAIN):
    """Send a team arrays [agents, ...]; train for one step."""
    rows = [{name: value[agent] for name, value in arrays.items()} for agent in range(3)]
    return answer(team.agents, team.world, team.learner, [message(kind, TRAIN_PLAN | plan, row) for row in rows])


def test_an_agent_keeps_its_own_and_returns_none():
    team, plain = make_team(algorithm()), make_team(algorithm())
    bias = {"head.bias": torch.ones(3, 5)}
    replies = asked(team, bias | {"buffer.mask": MASK}, DECLARED)
    asked(plain, bias, {})
    assert all(list(reply.content.array_records[m.ARRAYS]) == ["head.bias"] for reply in replies)
    assert torch.equal(team.agents.buffers["mask"], MASK)
    for name, value in plain.agents.state().items():
        assert torch.equal(team.agents.state()[name], value), f"{name}: training is as without a buffer"


def test_buffers_stay_until_others_are_sent():
    team = make_team(algorithm())
    both = {"buffer.mask": MASK, "buffer.level": torch.tensor([1.0, 2, 3])}
    asked(team, both, {m.BUFFERS: sorted(both)})
    asked(team, {}, {})
    asked(team, {"buffer.mask": ~MASK}, DECLARED)
    assert torch.equal(team.agents.buffers["mask"], ~MASK)
    assert team.agents.buffers["level"].tolist() == [1, 2, 3]


def test_many_small_ones_are_bounded_together():
    """A server that sends another name in every round fills no agent's memory."""
    team = make_team(algorithm())
    most = sum(value.nbytes for value in team.agents.online.values())
    width = most // 30
    for number in range(2):
        asked(team, {f"buffer.{number}": torch.ones(3, width)}, {m.BUFFERS: [f"buffer.{number}"]})
    with pytest.raises(FederationError, match=f"bytes in all; they keep at most {most}"):
        asked(team, {"buffer.more": torch.ones(3, width)}, {m.BUFFERS: ["buffer.more"]})
    assert list(team.agents.buffers) == ["0", "1"]


def test_a_state_has_them_and_one_without_them_clears_them():
    team, other = make_team(algorithm()), make_team(algorithm())
    before = {name: value.clone() for name, value in team.agents.state().items()}
    asked(team, {"buffer.mask": MASK}, DECLARED)
    state = {name: value.clone() for name, value in team.agents.state().items()}
    assert torch.equal(state["buffer.mask"], MASK)
    other.agents.load_state(state)
    assert torch.equal(other.agents.buffers["mask"], MASK)
    other.agents.load_state(before)
    assert other.agents.buffers == {}


@pytest.mark.parametrize(
    ("arrays", "plan", "kind", "text"),
    [
        ({"buffer.mask": MASK}, {}, MessageType.TRAIN, r"the buffers \['buffer.mask'\]; the plan declares \[\]"),
        ({}, DECLARED, MessageType.TRAIN, r"the buffers \[\]; the plan declares \['buffer.mask'\]"),
        ({"mask": MASK}, {m.BUFFERS: ["mask"]}, MessageType.TRAIN, r"the buffers \[\]; the plan declares \['mask'\]"),
        ({"mask": MASK}, {}, MessageType.TRAIN, "a parameter 'mask'; they have"),
        ({"buffer.mask": MASK}, DECLARED, MessageType.EVALUATE, "with evaluate; only training may set them"),
        ({"buffer.mask": MASK}, DECLARED, m.POLICY, "with query.policy; only training may set them"),
        ({"buffer.mask": torch.full((3, 2), torch.nan)}, DECLARED, MessageType.TRAIN, "values that are not finite"),
        ({"buffer.mask": MASK, "head.bias": torch.ones(3, 4)}, DECLARED, MessageType.TRAIN, r"expected \(3, 5\)"),
        ({"buffer.mask": torch.ones(3, 10**4)}, DECLARED, MessageType.TRAIN, "120000 bytes in all; they keep at most"),
    ],
)
def test_what_is_not_declared_is_refused_and_changes_nothing(arrays, plan, kind, text):
    team = make_team(algorithm())
    before = {name: value.clone() for name, value in team.agents.state().items()}
    with pytest.raises(FederationError, match=text):
        asked(team, arrays, plan, kind)
    after = team.agents.state()
    assert after.keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_agents_that_are_sent_different_shapes_refuse_the_round():
    team = make_team(algorithm())
    rows = [{"buffer.mask": torch.ones(2 + agent)} for agent in range(3)]
    questions = [message(MessageType.TRAIN, TRAIN_PLAN | DECLARED, row) for row in rows]
    with pytest.raises(FederationError, match=r"were sent buffer\.mask in different shapes or types"):
        answer(team.agents, team.world, team.learner, questions)
    assert team.agents.buffers == {}
