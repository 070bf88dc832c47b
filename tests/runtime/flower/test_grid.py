"""The in-process Grid, and the one place where Flower is told who we are."""

from importlib.metadata import version

import pytest
from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from fedqmix.strategies.local_grid import RUN_ID, LocalGrid, server_context, take_server_identity


def echo(questions):
    """Answer with what was asked."""
    return [Message(question.content, reply_to=question) for question in questions]


def ask(nodes, text="hello"):
    content = RecordDict({"plan": ConfigRecord({"text": text})})
    return [Message(content, node, MessageType.TRAIN, group_id="1") for node in nodes]


@pytest.fixture
def nobody():
    """A process that Flower knows nothing about, and its identity back afterwards."""
    take_server_identity()  # flwr refuses to be asked for an identity that was never given
    before = TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id
    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = None
    yield
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = before


def test_flower_is_the_version_this_was_written_for():
    """TaskIdentity is not part of Flower's public interface: look at it again before allowing another version."""
    assert version("flwr").split(".")[:2] in (["1", "41"], ["1", "42"])


def test_messages_need_an_identity(nobody):
    """Once Flower no longer asks for one, take_server_identity can go."""
    with pytest.raises(Exception, match=r"(?i)identity|run_id|task"):
        Message(RecordDict(), 1000, MessageType.TRAIN)


def test_messages_can_be_made_with_one(nobody):
    take_server_identity()
    message = Message(RecordDict(), 1000, MessageType.TRAIN, group_id="7")
    assert message.metadata.run_id == RUN_ID
    assert message.metadata.src_node_id == SUPERLINK_NODE_ID
    assert message.metadata.dst_node_id == 1000
    reply = Message(RecordDict(), reply_to=message)
    assert (reply.metadata.src_node_id, reply.metadata.dst_node_id) == (1000, SUPERLINK_NODE_ID)
    assert server_context().run_id == RUN_ID


def test_a_grid_takes_the_identity_itself(nobody):
    grid = LocalGrid(1, echo)
    assert isinstance(grid, Grid)
    (message,) = ask(grid.get_node_ids())
    assert list(grid.send_and_receive([message]))


def test_one_node_per_agent():
    nodes = list(LocalGrid(5, echo).get_node_ids())
    assert len(set(nodes)) == 5
    assert nodes == sorted(nodes)
    assert SUPERLINK_NODE_ID not in nodes
    nodes.clear()  # the caller's own list
    assert len(list(LocalGrid(5, echo).get_node_ids())) == 5


def test_messages_are_answered_together_in_agent_order():
    heard = []

    def listening(questions):
        heard.append([question.metadata.dst_node_id for question in questions])
        return echo(questions)

    grid = LocalGrid(3, listening)
    nodes = list(grid.get_node_ids())
    replies = list(grid.send_and_receive(reversed(ask(nodes))))
    assert heard == [nodes]
    assert sorted(reply.metadata.src_node_id for reply in replies) == nodes
    assert all(reply.content.config_records["plan"]["text"] == "hello" for reply in replies)


def test_each_reply_is_handed_out_once():
    grid = LocalGrid(2, echo)
    nodes = list(grid.get_node_ids())
    ids = list(grid.push_messages(ask(nodes)))
    assert len(set(ids)) == 2
    (second,) = grid.pull_messages(ids[1:])
    assert second.metadata.src_node_id == nodes[1]
    assert second.metadata.reply_to_message_id == ids[1]
    (first,) = grid.pull_messages(ids)
    assert first.metadata.src_node_id == nodes[0]
    assert list(grid.pull_messages(ids)) == []
    assert list(grid.pull_messages(["unheard of"])) == []


def test_questions_asked_before_replies_are_fetched_do_not_mix():
    grid = LocalGrid(1, echo)
    ids = [next(iter(grid.push_messages(ask(grid.get_node_ids(), text)))) for text in ("one", "two")]
    (two,) = grid.pull_messages(ids[1:])
    (one,) = grid.pull_messages(ids[:1])
    assert (one.content.config_records["plan"]["text"], two.content.config_records["plan"]["text"]) == ("one", "two")


def test_no_messages_no_answers():
    """Flower's loop sends an empty list when no evaluation is due."""

    def never(questions):
        raise AssertionError(f"nobody asked anything, but {questions} arrived")

    grid = LocalGrid(2, never)
    assert list(grid.push_messages([])) == []
    assert list(grid.send_and_receive(iter([]))) == []


def test_created_messages_are_ordinary_ones():
    grid = LocalGrid(1, echo)
    message = grid.create_message(RecordDict(), MessageType.EVALUATE, 1000, "3")
    assert message.metadata.message_type == MessageType.EVALUATE
    assert message.metadata.group_id == "3"
    assert list(grid.send_and_receive([message]))
    assert grid.run.run_id == RUN_ID
