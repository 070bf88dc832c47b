"""The door, with real gRPC on this machine: one answer per question, said again when asked again, to nobody else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MessageType, MetricRecord, RecordDict

from fedqmix.clients import app as client
from fedqmix.clients.service import AgentService
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import AttemptError, ConfigurationError, DivergenceError, FederationError, RefusedError
from fedqmix.runtime.transport.authority import issue, make_authority
from fedqmix.runtime.transport.proto.agent_pb2_grpc import add_AgentServicer_to_server
from fedqmix.runtime.transport.records import opened, packed, unpacked
from fedqmix.runtime.transport.security import Identity, server
from fedqmix.strategies.local_grid import take_server_identity
from support.tagged import eventually


def question(attempt=1, kind=MessageType.TRAIN, run="run-7", round_=3, index=0, patience=5.0, **more):
    """A message, as it reaches a ClientApp."""
    take_server_identity()
    plan = {m.RUN: run, m.ATTEMPT: attempt, m.ROUND: round_, m.INDEX: index, m.PATIENCE: patience, **more}
    weights = ArrayRecord({"head.bias": Array(np.float32([1.5, -2.0]))})
    message = Message(RecordDict({m.PLAN: ConfigRecord(plan), m.ARRAYS: weights}), 1002, kind, group_id=str(round_))
    message.metadata.__dict__["_message_id"] = f"m{attempt}"
    return message


class Agent:
    """Doubles what it is sent, counts how often it was asked, and can be held up."""

    def __init__(self):
        self.asked, self.error = [], None
        self.may_go_on, self.at_work = threading.Event(), threading.Event()
        self.may_go_on.set()

    def __call__(self, message):
        self.asked.append(message)
        self.at_work.set()
        assert self.may_go_on.wait(30)
        if self.error is not None:
            raise self.error
        arrays = {name: Array(2 * a.numpy()) for name, a in message.content.array_records[m.ARRAYS].items()}
        content = RecordDict({m.ARRAYS: ArrayRecord(arrays), m.METRICS: MetricRecord({m.NUM_EXAMPLES: 4})})
        return Message(content, reply_to=message)


class NotingDoor(AgentService):
    """Notes the attempts that are asked for as they come in."""

    def __init__(self, *args):
        super().__init__(*args)
        self.noted = []

    def Ask(self, request, context):
        self.noted.append(request.attempt)
        return super().Ask(request, context)


class House:
    """An agent behind its door, listening."""

    def __init__(self, identity=None, agent=2, port=0, hold_s=0.2):
        self.agent = Agent()
        self.door = NotingDoor(agent, self.agent, hold_s)
        add = partial(add_AgentServicer_to_server, self.door)
        self.running = server(identity, [add], f"127.0.0.1:{port}", workers=4)
        self.address = f"127.0.0.1:{self.running.port}"

    def ask(self, message, own=None):
        return client.ask(self.address, own, message)

    def close(self):
        self.agent.may_go_on.set()
        self.running.stop(0)
        self.door.close()


@pytest.fixture
def house():
    one = House()
    yield one
    one.close()


def doubled(content):
    return opened(content).array_records[m.ARRAYS]["head.bias"].numpy().tolist() == [3.0, -4.0]


def test_an_answer_comes_back_as_it_was_given(house):
    content = house.ask(question())
    assert doubled(content)
    assert opened(content).metric_records[m.METRICS][m.NUM_EXAMPLES] == 4
    (heard,) = house.agent.asked
    assert heard.metadata.message_type == MessageType.TRAIN
    assert heard.content.config_records[m.PLAN] == question().content.config_records[m.PLAN]
    assert heard.content.array_records[m.ARRAYS]["head.bias"].numpy().dtype == np.float32


def test_asked_again_it_answers_from_memory(house):
    assert packed(house.ask(question())) == packed(house.ask(question()))
    assert len(house.agent.asked) == 1


def test_who_asks_again_meanwhile_waits_for_the_same_answer(house):
    house.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(house.ask, question()) for _ in range(3)]
        assert house.agent.at_work.wait(10)
        house.agent.may_go_on.set()
        assert all(doubled(one.result(20)) for one in asking)
    assert len(house.agent.asked) == 1


def test_a_long_answer_is_waited_for_beyond_the_patience(house):
    """An agent that says that it is at work is not away."""
    house.agent.may_go_on.clear()
    threading.Timer(2.0, house.agent.may_go_on.set).start()
    assert doubled(house.ask(question(patience=0.1)))


def test_who_it_is_an_agent_says_while_it_works(house):
    house.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(house.ask, question())
        assert house.agent.at_work.wait(10)
        assert house.ask(question(kind=m.WHO, attempt=0)).metric_records[m.METRICS][m.AGENT] == 2
        assert not asking.done()
        house.agent.may_go_on.set()


def test_an_older_attempt_is_refused(house):
    house.ask(question(attempt=5))
    with pytest.raises(AttemptError, match="asked about attempt 4; it is at attempt 5"):
        house.ask(question(attempt=4))
    assert len(house.agent.asked) == 1


def test_a_run_that_another_has_followed_is_refused_until_it_is_resumed(house):
    house.ask(question(attempt=5))
    house.ask(question(attempt=1, run="run-8"))
    with pytest.raises(AttemptError):
        house.ask(question(attempt=5))
    assert doubled(house.ask(question(attempt=6)))


def test_one_attempt_is_one_question(house):
    house.ask(question())
    with pytest.raises(RefusedError, match="another question"):
        house.ask(question(kind=MessageType.EVALUATE))
    with pytest.raises(RefusedError, match="another question"):
        house.ask(question(index=1))


def test_questions_are_answered_one_at_a_time_and_the_newest_counts(house):
    house.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(house.ask, question(attempt=1))
        assert house.agent.at_work.wait(10)
        second = pool.submit(house.ask, question(attempt=2))
        assert eventually(lambda: 2 in house.door.noted)
        assert len(house.agent.asked) == 1
        house.agent.may_go_on.set()
        assert doubled(second.result(20))
        with pytest.raises(AttemptError):  # or its own answer, had it come before the second question
            raise first.exception(20) or AttemptError
    assert len(house.agent.asked) == 2


def test_a_question_that_another_follows_before_it_was_begun_is_not_begun(house):
    house.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = []
        for attempt in (1, 2, 3):
            asking.append(pool.submit(house.ask, question(attempt=attempt)))
            assert eventually(lambda attempt=attempt: attempt in house.door.noted)
            assert house.agent.at_work.wait(10)
        with pytest.raises(AttemptError):
            asking[1].result(20)
        house.agent.may_go_on.set()
        assert doubled(asking[2].result(20))
    assert [one.content.config_records[m.PLAN][m.ATTEMPT] for one in house.agent.asked] == [1, 3]


@pytest.mark.parametrize(
    "error",
    [DivergenceError("gradient of fc", "training step 9"), AttemptError("the mixer went away"), FederationError("no")],
)
def test_what_the_agent_raises_is_raised_by_the_asker(house, error):
    house.agent.error = error
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            house.ask(question())
        assert type(caught.value) is type(error)
        assert vars(caught.value) == vars(error)
        assert str(caught.value) == str(error)
    assert len(house.agent.asked) == 1


def test_what_no_agent_should_raise_ends_the_run_in_words(house):
    house.agent.error = ZeroDivisionError("division by zero")
    with pytest.raises(FederationError, match="ZeroDivisionError: division by zero"):
        house.ask(question())


def test_an_agent_that_comes_late_is_waited_for():
    first = House()
    port = first.running.port
    first.close()
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(client.ask, f"127.0.0.1:{port}", None, question(patience=30.0))
        time.sleep(0.5)
        late = House(port=port)
        assert doubled(asking.result(40))
        late.close()


def test_an_agent_that_stays_away_is_named_with_its_address():
    with pytest.raises(AttemptError, match=r"agent at 127\.0\.0\.1:1 could not be reached"):
        client.ask("127.0.0.1:1", None, question(patience=0.1))


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certs")
    by = make_authority(folder)
    for party in ("agent-2", "supernode-2", "supernode-1", "agent-1", "world"):
        issue(by, folder / party, party, [], 30)
    return folder


def test_only_its_own_supernode_gets_in(parties):
    house = House(Identity(parties / "agent-2"))
    assert doubled(house.ask(question(), Identity(parties / "supernode-2")))
    with pytest.raises(AttemptError):  # supernode-1 wants agent-1 and finds agent-2
        house.ask(question(patience=0.1), Identity(parties / "supernode-1"))
    assert len(house.agent.asked) == 1
    house.close()


@pytest.mark.parametrize("party", ["supernode-1", "agent-1", "world"])
@pytest.mark.parametrize("kind", [MessageType.TRAIN, m.WHO])
def test_other_parties_of_the_same_federation_are_refused(parties, party, kind, monkeypatch):
    house = House(Identity(parties / "agent-2"))
    monkeypatch.setattr(client, "party_behind", lambda own: "agent-2")  # it knows very well whose door it is
    with pytest.raises(RefusedError, match="supernode-2"):
        house.ask(question(kind=kind), Identity(parties / party))
    assert house.agent.asked == []
    house.close()


def context(**node_config):
    return Context(run_id=1, node_id=1002, node_config=node_config, state=RecordDict(), run_config={})


@pytest.mark.parametrize("kind", [MessageType.TRAIN, MessageType.EVALUATE, m.JOIN, m.POLICY, m.WHO])
def test_the_client_app_passes_every_kind_of_message_on(house, kind, monkeypatch):
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    asked = question(kind=kind)
    reply = client.app(message=asked, context=context(agent=house.address))
    assert reply.metadata.reply_to_message_id == asked.metadata.message_id
    assert reply.metadata.src_node_id == 1002
    assert m.METRICS in opened(reply.content).metric_records
    assert len(house.agent.asked) == (kind != m.WHO)


def test_an_error_becomes_a_record_that_the_server_can_read(house, monkeypatch):
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    house.agent.error = DivergenceError("gradient of fc", "training step 9")
    reply = client.app(message=question(), context=context(agent=house.address))
    assert reply.content.config_records[m.FAILURE] == {
        "kind": "fatal",
        "error": "DivergenceError",
        "text": str(house.agent.error),
        "arguments": '["gradient of fc", "training step 9"]',
    }


def test_where_the_agent_is(monkeypatch):
    monkeypatch.delenv("FEDQMIX_AGENT", raising=False)
    assert client.configured_agent(context()) == ""
    monkeypatch.setenv("FEDQMIX_AGENT", "c:3")
    assert client.configured_agent(context()) == "c:3"
    assert client.configured_agent(context(agent="d:4")) == "d:4"


def test_where_the_agent_of_a_simulated_node_is(parties):
    plan = ConfigRecord({m.AGENT_SERVICES: ["a:1", "b:2"]})
    assert client.simulated_door(context(**{"partition-id": 1}), plan) == ("b:2", None)
    plan[m.CERTS] = str(parties)
    address, own = client.simulated_door(context(**{"partition-id": 1}), plan)
    assert address == "b:2"
    assert own == Identity(parties / "supernode-1")
    for plans in (plan, ConfigRecord()):
        with pytest.raises(ConfigurationError, match="FEDQMIX_AGENT"):
            client.simulated_door(context(**{"partition-id": 2}), plans)


def test_a_simulated_node_does_not_wait_while_its_agent_is_at_work(house, monkeypatch):
    monkeypatch.delenv("FEDQMIX_AGENT", raising=False)
    house.agent.may_go_on.clear()
    place = {m.AGENT_SERVICES: ["nobody:1", house.address]}
    first = client.app(message=question(**place), context=context(**{"partition-id": 1}))
    assert list(first.content) == [m.AT_WORK]
    house.agent.may_go_on.set()
    second = client.app(message=question(**place), context=context(**{"partition-id": 1}))
    assert m.METRICS in opened(second.content).metric_records
    assert len(house.agent.asked) == 1


def test_security_must_be_chosen(monkeypatch, parties):
    monkeypatch.delenv("FEDQMIX_INSECURE", raising=False)
    monkeypatch.delenv("FEDQMIX_CERTS", raising=False)
    with pytest.raises(ConfigurationError, match="FEDQMIX_CERTS"):
        client.identity()
    monkeypatch.setenv("FEDQMIX_CERTS", str(parties / "supernode-2"))
    assert client.party_behind(client.identity()) == "agent-2"
    monkeypatch.setenv("FEDQMIX_INSECURE", "1")
    assert client.identity() is None


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff", b"not records at all"])
def test_bytes_that_are_no_records(nonsense):
    with pytest.raises(RefusedError, match="cannot be read"):
        unpacked(nonsense)


def test_the_client_app_is_thin():
    """A new process is started for every message: it must not import what learning needs."""
    heavy = ("torch", "numba", "scipy", "matplotlib", "hydra", "omegaconf", "ray")
    code = f"import sys, fedqmix.clients.app; print([name for name in {heavy!r} if name in sys.modules])"
    root = Path(client.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
