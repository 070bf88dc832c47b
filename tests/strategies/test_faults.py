"""A team is complete and answers what it was asked, or the round fails with a text that says who did not."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Error, Message, MessageType, RecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from support.toy_agents import ToyAgents, ToyGrid, federate, make_strategy

ROUND_KINDS = [("rs_pps", MessageType.TRAIN), ("a_pps", MessageType.EVALUATE), ("rs_pps", m.POLICY)]


def run(spoil, name="a_pps", **agents):
    strategy = make_strategy(name, reward="policy")
    strategy.evaluate_every = 1
    federate(strategy, ToyGrid(ToyAgents(spoil=spoil, **agents)), 2)


def on(kind, change):
    """Change the replies to messages of one kind; `change` takes (questions, replies)."""
    return lambda asked, questions, replies: change(questions, replies) if asked == kind else replies


def failing(at, reason="out of memory"):
    def change(questions, replies):
        replies[at] = Message(Error(code=1, reason=reason), reply_to=questions[at])
        return replies

    return change


def without(at):
    return lambda _, replies: replies[:at] + replies[at + 1 :]


def twice(at):
    return lambda _, replies: [*replies, replies[at]]


def test_too_few_nodes():
    with pytest.raises(FederationError, match=r"agents 0 to 3 must each be there once; these answered: \[0, 1, 2\]"):
        federate(make_strategy("a_pps", n_agents=4), ToyGrid(ToyAgents()), 1)


def test_too_many_nodes():
    with pytest.raises(FederationError, match=r"agents 0 to 1 must each be there once; these answered: \[0, 1, 2\]"):
        federate(make_strategy("a_pps", n_agents=2), ToyGrid(ToyAgents()), 1)


@pytest.mark.parametrize("order", [(0, 1, 1), (0, 1, 2, 2)])
def test_two_nodes_of_one_agent(order):
    with pytest.raises(FederationError, match=r"must each be there once; these answered: \[0, 1, [12]"):
        federate(make_strategy("a_pps"), ToyGrid(ToyAgents(order=order)), 1)


def test_node_missing_when_the_team_is_called():
    with pytest.raises(FederationError, match=r"agents 0 to 2 must each be there once; these answered: \[0, 2\]"):
        run(on(m.JOIN, without(1)))


def test_node_answering_twice_when_the_team_is_called():
    with pytest.raises(FederationError, match="must each be there once"):
        run(on(m.JOIN, twice(1)))


def test_node_failing_when_the_team_is_called():
    with pytest.raises(FederationError, match="node 1001 failed: out of memory"):
        run(on(m.JOIN, failing(1)))


@pytest.mark.parametrize(("name", "kind"), ROUND_KINDS)
def test_agent_missing_in_a_round(name, kind):
    with pytest.raises(FederationError, match="agent 2 did not answer in round 1"):
        run(on(kind, without(2)), name)


@pytest.mark.parametrize(("name", "kind"), ROUND_KINDS)
def test_agent_answering_twice_in_a_round(name, kind):
    with pytest.raises(FederationError, match="agent 1 answered twice in round 1"):
        run(on(kind, twice(1)), name)


@pytest.mark.parametrize(("name", "kind"), ROUND_KINDS)
def test_agent_failing_in_a_round(name, kind):
    with pytest.raises(FederationError, match=r"(agent 0|node 1000) failed.*: the disk is full"):
        run(on(kind, failing(0, "the disk is full")), name)


def test_agents_are_named_not_nodes():
    with pytest.raises(FederationError, match="agent 2 did not answer"):
        run(on(MessageType.TRAIN, without(0)), order=(2, 0, 1))


def returning(at, change):
    """Let one agent return other arrays than it was sent."""

    def changed(questions, replies):
        arrays = {name: array.numpy() for name, array in replies[at].content.array_records[m.ARRAYS].items()}
        record = ArrayRecord({name: Array(value) for name, value in change(arrays).items()})
        content = RecordDict({m.ARRAYS: record, m.METRICS: replies[at].content.metric_records[m.METRICS]})
        replies[at] = Message(content, reply_to=questions[at])
        return replies

    return on(MessageType.TRAIN, changed)


def test_agent_returning_less_than_it_was_sent():
    with pytest.raises(FederationError, match=r"agent 1 was refused in round 1: it returned head.bias; it was sent fc"):
        run(returning(1, lambda arrays: {"head.bias": arrays["head.bias"]}))


def test_agent_returning_more_than_it_was_sent():
    with pytest.raises(FederationError, match=r"agent 2 was refused in round 1: it returned .*buffer; it was sent"):
        run(returning(2, lambda arrays: arrays | {"buffer": np.zeros(3, np.float32)}))


@pytest.mark.parametrize("shape", [(1,), (5,), (2, 1)])
@pytest.mark.parametrize("agent", [0, 2])
def test_agent_returning_another_shape(agent, shape):
    text = rf"agent {agent} was refused in round 1: it returned head\.bias as float32 of shape .*; it was sent float32"
    with pytest.raises(FederationError, match=text):
        run(returning(agent, lambda arrays: arrays | {"head.bias": np.zeros(shape, np.float32)}))
