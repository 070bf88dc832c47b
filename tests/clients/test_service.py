"""AgentService, with real gRPC: one answer per question, sent again when asked again, and to no other party."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from flwr.app import MessageType

from fedqmix.clients import app as client
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import AttemptError, DivergenceError, FederationError, RefusedError
from fedqmix.runtime.transport.records import opened, packed, unpacked
from fedqmix.runtime.transport.security import Identity
from support.served_agent import ServedAgent, question
from support.tagged import eventually


def doubled(content):
    return opened(content).array_records[m.ARRAYS]["head.bias"].numpy().tolist() == [3.0, -4.0]


def test_an_answer_comes_back_as_it_was_given(served):
    content = served.ask(question())
    assert doubled(content)
    assert opened(content).metric_records[m.METRICS][m.NUM_EXAMPLES] == 4
    (heard,) = served.agent.asked
    assert heard.metadata.message_type == MessageType.TRAIN
    assert heard.content.config_records[m.PLAN] == question().content.config_records[m.PLAN]
    assert heard.content.array_records[m.ARRAYS]["head.bias"].numpy().dtype == np.float32


def test_asked_again_it_answers_from_memory(served):
    assert packed(served.ask(question())) == packed(served.ask(question()))
    assert len(served.agent.asked) == 1


def test_who_asks_again_meanwhile_waits_for_the_same_answer(served):
    served.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(served.ask, question()) for _ in range(3)]
        assert served.agent.at_work.wait(10)
        served.agent.may_go_on.set()
        assert all(doubled(one.result(20)) for one in asking)
    assert len(served.agent.asked) == 1


def test_a_long_answer_is_waited_for_beyond_the_patience(served):
    """An agent that says that it is at work is not away."""
    served.agent.may_go_on.clear()
    threading.Timer(2.0, served.agent.may_go_on.set).start()
    assert doubled(served.ask(question(patience=0.1)))


def test_who_it_is_an_agent_says_while_it_works(served):
    served.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(served.ask, question())
        assert served.agent.at_work.wait(10)
        assert served.ask(question(kind=m.WHO, attempt=0)).metric_records[m.METRICS][m.AGENT] == 2
        assert not asking.done()
        served.agent.may_go_on.set()


def test_an_older_attempt_is_refused(served):
    served.ask(question(attempt=5))
    with pytest.raises(AttemptError, match="asked about attempt 4; it is at attempt 5"):
        served.ask(question(attempt=4))
    assert len(served.agent.asked) == 1


def test_a_run_that_another_has_followed_is_refused_until_it_is_resumed(served):
    served.ask(question(attempt=5))
    served.ask(question(attempt=1, run="run-8"))
    with pytest.raises(AttemptError):
        served.ask(question(attempt=5))
    assert doubled(served.ask(question(attempt=6)))


def test_one_attempt_is_one_question(served):
    served.ask(question())
    with pytest.raises(RefusedError, match="another question"):
        served.ask(question(kind=MessageType.EVALUATE))
    with pytest.raises(RefusedError, match="another question"):
        served.ask(question(index=1))


def test_questions_are_answered_one_at_a_time_and_the_newest_counts(served):
    served.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(served.ask, question(attempt=1))
        assert served.agent.at_work.wait(10)
        second = pool.submit(served.ask, question(attempt=2))
        assert eventually(lambda: 2 in served.service.noted)
        assert len(served.agent.asked) == 1
        served.agent.may_go_on.set()
        assert doubled(second.result(20))
        with pytest.raises(AttemptError):  # or its own answer, had it come before the second question
            raise first.exception(20) or AttemptError
    assert len(served.agent.asked) == 2


def test_a_question_that_another_follows_before_it_was_begun_is_not_begun(served):
    served.agent.may_go_on.clear()
    with ThreadPoolExecutor() as pool:
        asking = []
        for attempt in (1, 2, 3):
            asking.append(pool.submit(served.ask, question(attempt=attempt)))
            assert eventually(lambda attempt=attempt: attempt in served.service.noted)
            assert served.agent.at_work.wait(10)
        with pytest.raises(AttemptError):
            asking[1].result(20)
        served.agent.may_go_on.set()
        assert doubled(asking[2].result(20))
    assert [one.content.config_records[m.PLAN][m.ATTEMPT] for one in served.agent.asked] == [1, 3]


@pytest.mark.parametrize(
    "error",
    [DivergenceError("gradient of fc", "training step 9"), AttemptError("the mixer went away"), FederationError("no")],
)
def test_what_the_agent_raises_is_raised_by_the_asker(served, error):
    served.agent.error = error
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            served.ask(question())
        assert type(caught.value) is type(error)
        assert vars(caught.value) == vars(error)
        assert str(caught.value) == str(error)
    assert len(served.agent.asked) == 1


def test_what_no_agent_should_raise_ends_the_run_in_words(served):
    served.agent.error = ZeroDivisionError("division by zero")
    with pytest.raises(FederationError, match="ZeroDivisionError: division by zero"):
        served.ask(question())


def test_an_agent_that_comes_late_is_waited_for():
    first = ServedAgent()
    port = first.running.port
    first.close()
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(client.ask, f"127.0.0.1:{port}", None, question(patience=30.0))
        time.sleep(0.5)
        late = ServedAgent(port=port)
        assert doubled(asking.result(40))
        late.close()


def test_an_agent_that_stays_away_is_named_with_its_address():
    with pytest.raises(AttemptError, match=r"agent at 127\.0\.0\.1:1 could not be reached"):
        client.ask("127.0.0.1:1", None, question(patience=0.1))


def test_only_its_own_supernode_gets_in(parties):
    served = ServedAgent(Identity(parties / "agent-2"))
    assert doubled(served.ask(question(), Identity(parties / "supernode-2")))
    with pytest.raises(AttemptError):  # supernode-1 wants agent-1 and finds agent-2
        served.ask(question(patience=0.1), Identity(parties / "supernode-1"))
    assert len(served.agent.asked) == 1
    served.close()


@pytest.mark.parametrize("party", ["supernode-1", "agent-1", "world"])
@pytest.mark.parametrize("kind", [MessageType.TRAIN, m.WHO])
def test_other_parties_of_the_same_federation_are_refused(parties, party, kind, monkeypatch):
    served = ServedAgent(Identity(parties / "agent-2"))
    monkeypatch.setattr(client, "party_behind", lambda own: "agent-2")  # it knows whose service it is
    with pytest.raises(RefusedError, match="supernode-2"):
        served.ask(question(kind=kind), Identity(parties / party))
    assert served.agent.asked == []
    served.close()


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff", b"not records at all"])
def test_bytes_that_are_no_records(nonsense):
    with pytest.raises(RefusedError, match="cannot be read"):
        unpacked(nonsense)
