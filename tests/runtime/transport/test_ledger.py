"""Every byte that arrives at a service, and every byte that leaves it, is in the ledger."""

from collections import Counter

import grpc
import pytest

from fedqmix.algorithms.q_learning.agent import QLearningAgent
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.transport.ledger import Ledger, LedgerLine
from fedqmix.runtime.transport.local_socket import SUPPORTED
from fedqmix.runtime.transport.mixer_remote import RemoteMixer
from fedqmix.runtime.transport.sink_remote import RemoteTeamSink
from fedqmix.runtime.transport.world_remote import RemoteWorld
from support.federation import ATTEMPT, SPEC, federation, together

PLAN = RoundPlan(3, 10**9, False)


class _CountedReplies:
    """The replies on a stream."""

    def __init__(self, replies, count) -> None:
        self.replies, self.count, self.cancel = replies, count, replies.cancel

    def __next__(self):
        return self.count(next(self.replies))


class _Counting(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, sent: Counter, received: Counter, party: str, channel: str) -> None:
        self.sent, self.received, self.key = sent, received, (party, channel)

    def intercept_unary_unary(self, continuation, details, request):
        call = continuation(details, self.count(self.sent, request))
        self.count(self.received, call.result())
        return call

    def intercept_stream_stream(self, continuation, details, requests):
        call = continuation(details, (self.count(self.sent, request) for request in requests))
        return _CountedReplies(call, lambda reply: self.count(self.received, reply))

    def count(self, counter, message):
        counter[self.key] += message.ByteSize()
        return message


def test_the_ledger_is_what_was_sent_and_received():
    sent, received = Counter(), Counter()

    def counted(fed, party, service, name):
        return grpc.intercept_channel(fed.channel(party, service), _Counting(sent, received, party, name))

    with federation() as fed:
        fed.world._sink = RemoteTeamSink(counted(fed, "world", "mixer", "sink"))
        fed.open()
        stacks = fed.stacks()

        def train(agent):
            world = RemoteWorld(counted(fed, f"agent-{agent}", "world", "world"), agent, ATTEMPT, SPEC)
            way = counted(fed, f"agent-{agent}", "mixer", "mixer")
            mixer = RemoteMixer(way, agent, ATTEMPT, QLearningAgent.rows)
            train_round(stacks[agent], world, mixer, PLAN)
            mixer.finish()

        together(train)
        mixer, world = fed.controls()
        lines = [*world.ledger("a run"), *mixer.ledger("a run")]
        assert {(line.party, line.channel): line.bytes_in for line in lines} == dict(sent)
        assert {(line.party, line.channel): line.bytes_out for line in lines} == dict(received)
        assert {line.round for line in lines} == {1}
        assert len(lines) == 2 * SPEC.n_agents + 1
        assert world.ledger("another run") == []


@pytest.mark.skipif(not SUPPORTED, reason="local sockets are for Linux")
def test_the_ledger_counts_the_same_bytes_over_local_sockets(tmp_path):
    def lines(sockets) -> list[LedgerLine]:
        with federation(sockets=sockets) as fed:
            fed.open()
            stacks = fed.stacks()

            def train(agent):
                world, mixer = fed.remote(agent)
                train_round(stacks[agent], world, mixer, PLAN)
                mixer.finish()

            assert together(train) == [None] * SPEC.n_agents
            return [line for control in fed.controls() for line in control.ledger("a run")]

    assert lines(tmp_path) == lines(None)


def test_rounds_are_counted_apart_and_runs_begin_anew():
    ledger = Ledger("world")
    for round, party in ((2, "agent-0"), (1, "agent-1"), (1, "agent-0"), (1, "agent-0")):
        ledger.add("a run", round, party, 10, 1)
    assert ledger.lines("a run") == [
        LedgerLine(1, "agent-0", "world", 20, 2),
        LedgerLine(1, "agent-1", "world", 10, 1),
        LedgerLine(2, "agent-0", "world", 10, 1),
    ]
    ledger.add("another run", 1, "agent-0", 5, 5)
    assert ledger.lines("a run") == []
    assert ledger.lines("another run") == [LedgerLine(1, "agent-0", "world", 5, 5)]


def test_world_and_mixer_are_kept_for_a_run_and_built_again_for_another():
    with federation() as fed:
        for run, number, config, built in (
            ("a run", 1, "settings", 1),
            ("a run", 2, "settings", 1),
            ("a run", 3, "other settings", 2),
            ("another", 1, "other settings", 3),
        ):
            for control in fed.controls():
                control.release("a run")
            fed.open(Attempt(run, 1, number), "train", config)
            assert len(fed.worlds) == len(fed.sides) == built
