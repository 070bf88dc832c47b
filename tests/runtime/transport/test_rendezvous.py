"""Agents meet, once for every request, and never across attempts."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, RefusedError, SlotError
from fedqmix.runtime.transport.rendezvous import Rendezvous
from fedqmix.runtime.transport.standing import Ticket

FIRST, SECOND = Attempt("a run", 1, 1), Attempt("a run", 1, 2)


class Team:
    """Three agents at a rendezvous; counts how often something is computed for them."""

    def __init__(self, patience=10.0):
        self.meeting = Rendezvous(patience)
        self.computed = []
        self.pool = ThreadPoolExecutor(8)
        self.meeting.open(FIRST, lambda: 3)

    def say(self, agent, sequence, words="hello", call="greeting", attempt=FIRST, together=None):
        def reply(requests):
            self.computed.append(requests)
            return [f"{agent}: {' '.join(requests)}" for agent in range(len(requests))]

        ticket = Ticket(attempt, agent, sequence, words.encode())
        return self.pool.submit(self.meeting.meet, ticket, lambda: (call, words), together or reply)

    def greet(self, sequence, attempt=FIRST):
        """Let everybody greet, and be greeted."""
        said = [self.say(agent, sequence, attempt=attempt) for agent in range(3)]
        assert [answer.result() for answer in said] == [f"{agent}: hello hello hello" for agent in range(3)]

    def waiting(self, *agents):
        """Wait until just these agents wait."""
        end = time.monotonic() + 10
        while tuple(s.agent for s in self.meeting.status().agents if s.waiting) != agents:
            assert time.monotonic() < end
            time.sleep(0.002)


@pytest.fixture
def team():
    own = Team()
    yield own
    own.meeting.open(Attempt("the end", 1, 1), lambda: 1)
    own.pool.shutdown()


def test_the_last_to_come_computes_once_for_all_in_the_agents_order(team):
    said = [team.say(agent, 1, words) for agent, words in ((2, "c"), (0, "a"), (1, "b"))]
    assert [answer.result() for answer in said] == ["2: a b c", "0: a b c", "1: a b c"]
    assert team.computed == [["a", "b", "c"]]


def test_a_repeated_request_gets_the_same_reply_and_computes_nothing(team):
    first = [team.say(agent, 1).result for agent in range(3)]
    assert [answer() for answer in first] == [team.say(agent, 1).result() for agent in range(3)]
    assert len(team.computed) == 1


def test_a_request_repeated_while_waiting_joins_the_wait(team):
    said = [team.say(0, 1, "a"), team.say(0, 1, "a")]
    team.waiting(0)
    said += [team.say(1, 1, "b"), team.say(2, 1, "c")]
    assert [answer.result() for answer in said] == ["0: a b c", "0: a b c", "1: a b c", "2: a b c"]
    assert len(team.computed) == 1


@pytest.mark.parametrize(
    ("sequence", "words", "error"),
    [
        (0, "hello", "replayed sequence number 0; 3 is next"),
        (2, "something else", "used the sequence number 2 for two requests"),
        (4, "hello", "sequence number 4; 3 is next"),
    ],
)
def test_out_of_order_is_refused_and_harms_nobody(team, sequence, words, error):
    for number in (1, 2):
        for answer in [team.say(agent, number) for agent in range(3)]:
            answer.result()
    with pytest.raises(RefusedError, match=error):
        team.say(1, sequence, words).result()
    team.greet(3)


def test_who_begins_anew_hears_that_the_attempt_is_over_for_it_and_harms_nobody(team):
    for number in (1, 2):
        for answer in [team.say(agent, number) for agent in range(3)]:
            answer.result()
    with pytest.raises(AttemptError, match=r"agent 1 begins anew .* in which 3 is next"):
        team.say(1, 1).result()
    team.greet(3)


def test_nobody_asks_again_before_the_answer(team):
    team.say(0, 1)
    team.waiting(0)
    with pytest.raises(RefusedError, match="number 1 is not answered yet"):
        team.say(0, 2).result()


def test_who_asks_for_something_else_than_the_others_is_refused_and_may_correct_itself(team):
    said = [team.say(0, 1), team.say(1, 1)]
    team.waiting(0, 1)
    with pytest.raises(RefusedError, match="agent 2 asks for a farewell; agent 0, 1 for greeting"):
        team.say(2, 1, call="a farewell").result()
    said.append(team.say(2, 1))
    assert [answer.result()[0] for answer in said] == ["0", "1", "2"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_who_came_first_with_something_else_is_refused_and_not_the_others(team, order):
    liar, *honest = order
    false = team.say(liar, 1, call="a farewell")
    team.waiting(liar)
    said = {agent: team.say(agent, 1) for agent in honest}
    others = ", ".join(map(str, sorted(honest)))
    with pytest.raises(RefusedError, match=f"agent {liar} asks for a farewell; agent {others} for greeting"):
        false.result()
    team.waiting(*sorted(honest))
    said[liar] = team.say(liar, 1)
    assert [said[agent].result()[0] for agent in range(3)] == ["0", "1", "2"]
    team.greet(2)


def test_where_everybody_asks_for_something_else_all_are_told_what(team):
    said = [team.say(agent, 1, call=call) for agent, call in enumerate(("a greeting", "a farewell", "silence"))]
    for answer in said:
        with pytest.raises(RefusedError, match="agent 0 for a greeting, agent 1 for a farewell, agent 2 for silence"):
            answer.result()


def test_a_request_that_cannot_be_read_changes_nothing(team):
    def unreadable():
        raise RefusedError("not finite")

    with pytest.raises(RefusedError, match="not finite"):
        team.meeting.meet(Ticket(FIRST, 0, 1, b"nan"), unreadable, list)
    team.greet(1)


def test_there_are_only_so_many_agents(team):
    with pytest.raises(RefusedError, match="no agent 3: they go from 0 to 2"):
        team.say(3, 1).result()


def test_an_error_of_the_computation_is_everybodys_and_breaks_the_attempt(team):
    def fail(_requests):
        raise SlotError("nothing stored")

    said = [team.say(agent, 1, together=fail) for agent in range(3)]
    assert [str(answer.exception()) for answer in said] == ["nothing stored"] * 3
    with pytest.raises(SlotError):
        team.say(1, 1).result()
    with pytest.raises(AttemptError, match="broken off: nothing stored"):
        team.say(1, 2).result()
    assert team.meeting.status().broken == "nothing stored"


def test_a_new_attempt_sends_everybody_away_who_waits_in_the_old_one(team):
    said = [team.say(0, 1), team.say(1, 1)]
    team.waiting(0, 1)
    team.meeting.open(SECOND, lambda: 3)
    assert [type(answer.exception()) for answer in said] == [AttemptError] * 2
    with pytest.raises(AttemptError, match=r"attempt 1 .*comes late: attempt 2"):
        team.say(2, 1).result()
    team.greet(1, attempt=SECOND)


def test_a_new_attempt_begins_after_what_is_computed(team):
    order, computing, go_on = [], threading.Event(), threading.Event()

    def slow(requests):
        computing.set()
        assert go_on.wait(10)
        order.append("computed")
        return requests

    said = [team.say(agent, 1, together=slow) for agent in (0, 1)]
    team.waiting(0, 1)
    team.say(2, 1, together=slow)
    assert computing.wait(10)
    opened = team.pool.submit(team.meeting.open, SECOND, lambda: order.append("prepared") or 3)
    for answer in said:
        assert isinstance(answer.exception(), AttemptError)  # at once: nobody waits for the old computation
    go_on.set()
    opened.result()
    assert order == ["computed", "prepared"]
    team.greet(1, attempt=SECOND)


def test_opening_again_changes_nothing_and_going_back_is_refused(team):
    team.say(0, 1)
    team.waiting(0)
    team.meeting.open(FIRST, lambda: pytest.fail("prepared twice"))
    team.waiting(0)
    team.meeting.open(SECOND, lambda: 3)
    with pytest.raises(AttemptError, match="Attempt 1 comes late"):
        team.meeting.open(FIRST, lambda: 3)
    assert team.meeting.status().attempt == SECOND


def test_an_attempt_that_cannot_be_prepared_is_not_open():
    meeting = Rendezvous()

    def broken():
        raise SlotError("no checkpoint")

    with pytest.raises(SlotError):
        meeting.open(FIRST, broken)
    with pytest.raises(AttemptError, match="not open"):
        meeting.meet(Ticket(FIRST, 0, 1, b""), lambda: ("it", None), list)
    meeting.open(FIRST, lambda: 1)
    assert meeting.meet(Ticket(FIRST, 0, 1, b""), lambda: ("it", 7), list) == 7


def test_patience_ends_with_the_names_of_who_is_missing():
    team = Team(patience=0.2)
    said = [team.say(0, 1), team.say(2, 1)]
    words = r"agent 1 did not come to greeting within 0\.2 s"
    for answer in said:
        with pytest.raises(AttemptError, match=words):
            answer.result()
    with pytest.raises(AttemptError, match="broken off"):
        team.say(1, 1).result()
    team.pool.shutdown()


def test_who_does_not_listen_any_more_does_not_wait(team):
    def together(requests):
        return requests

    with pytest.raises(AttemptError, match="no longer waits"):
        team.meeting.meet(Ticket(FIRST, 0, 1, b"hello"), lambda: ("greeting", "hello"), together, lambda: False)
    team.greet(1)  # its place is kept for when it asks again


def test_the_status_says_who_has_come_and_who_waits(team):
    for answer in [team.say(agent, 1) for agent in range(3)]:
        answer.result()
    team.say(1, 2)
    team.waiting(1)
    standing = team.meeting.status()
    assert standing.attempt == FIRST
    assert [(a.agent, a.sequence, a.waiting) for a in standing.agents] == [(0, 1, False), (1, 2, True), (2, 1, False)]
