"""The nodes of a federation: who they are, whether they are believed, and how long they are waited for."""

import pytest
from flwr.app import ConfigRecord, Error, Message, MessageType, RecordDict
from flwr.common.constant import ErrorCode

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.transport.records import CLOSED, RECORDS, closed, opened
from support.faulty_federation import PATIENCE_S, Federation, arrays_of, same, toy_run, undisturbed
from support.toy_agents import make_strategy


def test_a_node_that_comes_back_under_another_id_keeps_its_name():
    federation = Federation(["fine"] * 6 + ["node comes back under another id"])
    strategy, _ = toy_run(federation.grid, facts=federation.agents.facts)
    assert max(federation.network.holds) == 1003
    assert 1003 not in strategy.nodes
    assert any(
        one.metadata.dst_node_id == 1003 for one in federation.network.pushed if one.metadata.message_type != m.WHO
    )


def test_nodes_that_are_listed_but_dead_are_not_counted():
    """A SuperNode that was killed stays listed until its heartbeat is overdue."""
    federation = Federation()
    federation.network.holds[1500] = 1
    federation.network.online.add(1500)
    real = federation.network._deliver
    federation.network._deliver = lambda message, fault: (
        None if message.metadata.dst_node_id == 1500 else real(message, fault)
    )
    assert sorted(federation.grid.get_node_ids()) == [1000, 1001, 1002]


KEYS = {1000: 0, 1001: 1, 1002: 2}
"""The nodes of the faulty network and the agents that their certificates and keys would stand for."""


def test_nodes_that_are_who_they_say_are_believed():
    federation = Federation(nodes=KEYS)
    _, result = toy_run(federation.grid, facts=federation.agents.facts)
    assert same(arrays_of(result), undisturbed())
    assert federation.events == []


@pytest.mark.parametrize("keys", [{1000: 0, 1001: 2, 1002: 1}, {1000: 0}])
def test_a_node_that_says_it_is_another_agent_is_not_counted(keys):
    federation = Federation(nodes=keys)
    with pytest.raises(FederationError, match=r"agents 1, 2 did not appear within 300 s"):
        federation.grid.get_node_ids()
    said = [event for event in federation.events if "not believed" in event]
    whose = {1001: "the SuperNode of agent 2", 1002: "the SuperNode of agent 1"} if len(keys) == 3 else {}
    assert {event.partition(";")[0] for event in said} == {
        f"{whose.get(1000 + agent, f'a SuperNode ({1000 + agent})')} says that it is agent {agent}" for agent in (1, 2)
    }


def test_a_node_that_answers_as_another_agent_later_ends_the_run():
    federation = Federation(nodes=KEYS)
    federation.grid.get_node_ids()
    real = federation.network.pull_messages

    def swapped(ids):
        for reply in real(ids):
            content = opened(reply.content)
            metrics = content.metric_records[m.METRICS]
            if metrics.get(m.AGENT) == 1:
                metrics[m.AGENT] = 0
                reply.content = closed(content)
            yield reply

    federation.network.pull_messages = swapped
    with pytest.raises(FederationError, match="the SuperNode of agent 1 answered as agent 0"):
        make_strategy("a_pps").join(federation.grid)


DAMAGED = {
    "records": (lambda own: own | {RECORDS: b"\xff nonsense"}, "A message cannot be read as Flower's records"),
    "arrays": (lambda own: own | {m.ARRAYS: b"\xff nonsense"}, "cannot be read: "),
    "a number": (lambda own: own | {RECORDS: 3}, "entry 'records' is not bytes but int"),
}


def damaged(federation, kinds, damage):
    """Spoil what agent 1 answers to questions of some kinds. damage: from a reply's entries to others."""
    network = federation.network
    real = network.pull_messages

    def spoiled(ids):
        for reply in real(ids):
            about = reply.metadata.reply_to_message_id
            asked = next(one for one in network.pushed if one.metadata.message_id == about)
            if asked.metadata.message_type in kinds and asked.metadata.dst_node_id == 1001:
                entries = dict(reply.content.config_records[CLOSED])
                reply.content = RecordDict({CLOSED: ConfigRecord(damage(entries))})
            yield reply

    network.pull_messages = spoiled


@pytest.mark.parametrize("how", DAMAGED)
@pytest.mark.parametrize("kind", [m.JOIN, MessageType.TRAIN, MessageType.EVALUATE])
def test_an_answer_that_cannot_be_read_ends_the_run_with_the_reason(how, kind):
    federation = Federation(nodes=KEYS)
    damage, reason = DAMAGED[how]
    damaged(federation, {kind}, damage)
    with pytest.raises(FederationError, match=f"sent an answer that cannot be read: .*{reason}") as raised:
        toy_run(federation.grid, "a_pps", facts=federation.agents.facts)
    assert ("node 1001" if kind == m.JOIN else "agent 1") in str(raised.value)


def test_why_a_node_cannot_answer_is_said_once():
    federation = Federation(nodes=KEYS)
    network = federation.network
    real, reason = network._deliver, "the bundle is not that of fedqmix 0.1.0"

    def deliver(message, fault):
        if message.metadata.dst_node_id == 1001:
            network._say(Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message), 1.0)
        else:
            real(message, fault)

    network._deliver = deliver
    with pytest.raises(FederationError, match="agent 1 did not appear"):
        federation.grid.get_node_ids()
    assert [event for event in federation.events if "cannot" in event] == [
        f"the SuperNode of agent 1 cannot answer: {reason}"
    ]


def test_the_team_is_waited_for():
    federation = Federation()
    federation.network.leave(1001, 100.0)
    assert len(list(federation.grid.get_node_ids())) == 3
    assert 100 < federation.time.now < 110
    assert federation.events == ["waiting for agent 1"]


def test_agents_that_never_appear_are_named():
    federation = Federation()
    federation.network.online -= {1001, 1002}
    with pytest.raises(FederationError, match=r"agents 1, 2 did not appear within 300 s \(1 SuperNodes are online\)"):
        federation.grid.get_node_ids()


def test_a_node_that_never_comes_back_is_named():
    federation = Federation()
    strategy = make_strategy("a_pps")
    arrays = strategy.join(federation.grid)
    federation.network.leave(1001, 10**6)
    with pytest.raises(FederationError, match=r"agent 1 gave no sign for 300 s.*resume"):
        federation.grid.send_and_receive(strategy.configure_train(1, arrays, {}, federation.grid))
    assert federation.time.now < 2 * PATIENCE_S
