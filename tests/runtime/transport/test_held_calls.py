"""Calls that are opened and left alone: nobody else waits for them, and their threads come back."""

from __future__ import annotations

import contextlib
import functools
import random
import socket
import ssl
import threading
import time

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.clients.service import AgentService
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.transport.admission import PLACES
from fedqmix.runtime.transport.proto import mixer_pb2
from fedqmix.runtime.transport.proto.agent_pb2 import Question
from fedqmix.runtime.transport.proto.agent_pb2_grpc import AgentStub, add_AgentServicer_to_server
from fedqmix.runtime.transport.security import channel, server
from fedqmix.runtime.transport.tickets import header
from support.bad_wire import BadWire
from support.certified import SERVING, ask, authority, certified
from support.federation import ATTEMPT, SPEC, Federation, federation, same_parameters, together
from support.held_calls import HeldCalls, busy
from support.tagged import eventually
from support.toy_team import algorithm, make_team

MANY = 270
PLAN = RoundPlan(4, 10**9, False)
EPISODES = EpisodeBatch(Purpose.TRAINING, 0, 3)
METHODS = {
    "world": ["/fedqmix.World/Step", "/fedqmix.World/Begin", "/fedqmix.Control/Open", "/grpc.health.v1.Health/Watch"],
    "mixer": ["/fedqmix.Mixer/Exchange", "/fedqmix.Mixer/Finish", "/fedqmix.TeamSink/Record", "/fedqmix.Control/Status",
              "/grpc.health.v1.Health/Check"],
}  # fmt: skip
STREAMS = {"world": ["/fedqmix.World/Step"], "mixer": ["/fedqmix.Mixer/Exchange"]}
QUICK = [("submit", "streams"), ("agent-1", "all methods"), ("world", "all methods")]
"""Parties and methods that are tried each time; the others with the slow tests."""
PARTIES = (
    "superlink",
    "world",
    "mixer",
    "submit",
    *(f"{kind}-{k}" for kind in ("agent", "supernode") for k in range(3)),
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("certificates")
    home = authority(folder)
    return {party: certified(home, folder, party) for party in PARTIES}


@contextlib.contextmanager
def held(fed: Federation, party: str, methods: dict[str, list[str]], count: int = MANY, first: bytes | None = None):
    """Let a party hold many calls at the world and at the mixer."""
    with contextlib.ExitStack() as stack:
        both = []
        for service, port in (("world", fed.world_port), ("mixer", fed.mixer_port)):
            both.append(stack.enter_context(HeldCalls(fed.certificates.get(party), port, service)))
            both[-1].open(methods[service], count, first)
        yield both


def all_are_served(fed: Federation) -> bool:
    """Whether everybody learns how world and mixer are."""
    return all(
        ask(identity, port, service) == SERVING
        for identity in fed.certificates.values()
        for service, port in (("world", fed.world_port), ("mixer", fed.mixer_port))
    )


def train(fed: Federation, attempt: Attempt = ATTEMPT) -> None:
    """Let the agents go through a round; it must come out as in one process."""
    team = make_team(algorithm(), SPEC)
    train_round(team.agents, team.world, team.learner, PLAN)
    fed.open(attempt)
    stacks = fed.stacks()

    def one(agent: int) -> None:
        world, mixer = fed.remote(agent, attempt)
        with contextlib.closing(world), contextlib.closing(mixer):
            train_round(stacks[agent], world, mixer, PLAN)
            mixer.finish()

    assert together(one) == [None] * SPEC.n_agents
    same_parameters(stacks, fed.sides[-1].learner, team)


@pytest.mark.parametrize(
    ("party", "methods"),
    [
        pytest.param(party, methods, id=f"{party}-{name}", marks=() if (party, name) in QUICK else pytest.mark.slow)
        for party in ("submit", "supernode-2", "agent-1", "world")
        for name, methods in (("streams", STREAMS), ("all methods", METHODS))
    ],
)
def test_silent_calls_of_a_certified_party_keep_nobody_waiting(certificates, party, methods):
    with federation(certificates=certificates) as fed:
        with held(fed, party, methods) as both:
            assert all_are_served(fed)
            if party == "submit" and methods is STREAMS:
                assert all(own.ended() == MANY and own.codes() == {grpc.StatusCode.PERMISSION_DENIED} for own in both)
            train(fed)
            assert all_are_served(fed)
            assert busy() <= PLACES * sum(map(len, methods.values()))
        assert eventually(lambda: busy() <= 1), busy()  # the world tells the mixer over a stream of its own


@pytest.mark.slow
def test_silent_calls_of_all_parties_at_once_keep_nobody_waiting(certificates):
    with federation(certificates=certificates, first_message_s=2.0) as fed, contextlib.ExitStack() as stack:
        for party in PARTIES:
            stack.enter_context(held(fed, party, METHODS, 30))
        assert all_are_served(fed)
        train(fed)
        assert all_are_served(fed)


@pytest.mark.parametrize("party", ["supernode-1", "submit", "supernode-2"])
def test_silent_calls_do_not_close_an_agents_door(certificates, party):
    door = AgentService(2, lambda message: message)
    add = functools.partial(add_AgentServicer_to_server, door)
    running = server(certificates["agent-2"], [add], "127.0.0.1:0", workers=8)
    with HeldCalls(certificates[party], running.port, "agent-2") as own:
        own.open(["/fedqmix.Agent/Ask"], PLACES - 1 if party == "supernode-2" else MANY)
        assert ask(certificates["world"], running.port, "agent-2") == SERVING
        with channel(certificates["supernode-2"], f"127.0.0.1:{running.port}", "agent-2") as way:
            assert AgentStub(way).Ask(Question(kind=m.WHO), timeout=10).content
    running.stop(0)
    door.close()


def test_streams_that_are_silent_after_their_first_message_keep_nobody_waiting(certificates):
    """Agent 1 spoils the attempt that it is in, and no other."""
    message = mixer_pb2.Norm(header=header(ATTEMPT, 1, 1), squared=1.0).SerializeToString()
    with federation(certificates=certificates) as fed:
        fed.open()
        with HeldCalls(certificates["agent-1"], fed.mixer_port, "mixer") as own:
            own.open(["/fedqmix.Mixer/Clip"], MANY, message)
            assert all_are_served(fed)
            assert eventually(lambda: busy() <= 1)
            train(fed, Attempt("a run", 1, 2))
        assert eventually(lambda: busy() <= 1), busy()


def test_a_call_whose_first_message_does_not_come_is_cancelled(certificates):
    with federation(certificates=certificates, first_message_s=0.5) as fed:
        with held(fed, "agent-1", STREAMS, 1) as both:
            assert eventually(lambda: all(own.ended() == 1 for own in both))
            assert both[0].codes() == {grpc.StatusCode.CANCELLED}
            assert eventually(lambda: not busy())
        fed.open()
        remotes = [fed.remote(agent)[0] for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: remotes[agent].begin(EPISODES))
        for _ in range(2):  # a stream that has begun may be silent for longer
            actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
            time_steps = together(lambda agent, actions=actions: remotes[agent].step(actions[agent]))
            streams = [remote._steps._stream._replies for remote in remotes]
            time.sleep(1.5)
            assert not any(stream.done() for stream in streams)


def test_a_second_stream_of_an_agent_takes_the_place_of_the_first_without_loss(certificates):
    with federation(certificates=certificates) as fed:
        fed.open()
        remotes = [fed.remote(agent)[0] for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: remotes[agent].begin(EPISODES))
        actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
        first = together(lambda agent: remotes[agent].step(actions[agent]))
        older = remotes[0]._steps._stream._replies
        with HeldCalls(certificates["agent-0"], fed.world_port, "world") as own:
            own.open(["/fedqmix.World/Step"], 1)
            assert eventually(older.done)
            assert older.code() is grpc.StatusCode.CANCELLED
            actions = [time_step.available_actions.argmax(-1) for time_step in first]
            second = together(lambda agent: remotes[agent].step(actions[agent]))
            assert all(not isinstance(time_step, Exception) for time_step in second)
            assert eventually(lambda: own.ended() == 1)  # the agent opened another, which replaced this one
            assert busy() <= SPEC.n_agents + 1
        other = make_team(algorithm(), SPEC).world
        time_step = other.begin(EPISODES)
        for _ in range(2):
            time_step = other.step(time_step.available_actions.argmax(-1))
        assert all(
            (second[agent].observations[0] == time_step.observations[agent]).all() for agent in range(SPEC.n_agents)
        )


@pytest.mark.parametrize("spoken", [b"", b"\x16\x03\x01"], ids=["silent", "an unfinished hello"])
def test_hundreds_of_connections_without_a_handshake_are_closed_and_keep_nobody_waiting(certificates, spoken):
    with federation(certificates=certificates, handshake_s=3.0) as fed, contextlib.ExitStack() as stack:
        connections = []
        for number in range(2 * MANY):
            port = (fed.world_port, fed.mixer_port)[number % 2]
            connections.append(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            connections[-1].sendall(spoken)
        assert all_are_served(fed)
        train(fed)
        for connection in connections:
            connection.settimeout(60)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(1 << 16) == b""


def test_a_stranger_who_ends_no_handshake_is_hung_up_on(certificates):
    with federation(certificates=certificates, handshake_s=1.0) as fed:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = context.wrap_bio(incoming, outgoing)
        with pytest.raises(ssl.SSLWantReadError):
            hello.do_handshake()
        with socket.create_connection(("127.0.0.1", fed.world_port)) as connection:
            connection.sendall(outgoing.read())
            connection.settimeout(60)
            assert connection.recv(1 << 16)  # the server's part; the client's certificate never follows
            with contextlib.suppress(ConnectionError):
                while connection.recv(1 << 16):
                    pass


def test_connections_that_are_cut_change_nothing_where_certificates_name_the_agents(certificates):
    """Each stream that is opened again takes the place of the one before."""
    wires: list[BadWire] = []

    def via(port: int) -> int:
        wires.append(BadWire(port, cut_every=12))
        return wires[-1].port

    with federation(certificates=certificates, via=via) as fed:
        train(fed)
    for own in wires:
        own.close()
    assert sum(own.cuts for own in wires) > 3


def test_whatever_is_opened_changes_nothing_and_leaves_no_thread(certificates):
    """While agents train, other parties open calls of every method, say anything or nothing, hang up or do not."""
    others = [*sorted(set(PARTIES) - {"agent-0", "agent-1", "agent-2", "world", "mixer"}), "agent-9"]
    everything = sorted({method for methods in METHODS.values() for method in methods})
    with federation(certificates=certificates, first_message_s=2.0) as fed, contextlib.ExitStack() as stack:
        done = threading.Event()

        def training() -> None:
            train(fed)
            done.set()

        ends = [
            stack.enter_context(HeldCalls(certificates.get(party, certificates["submit"]), port, service))
            for party in others
            for service, port in (("world", fed.world_port), ("mixer", fed.mixer_port))
        ]
        thread = threading.Thread(target=training)
        thread.start()
        draws = random.Random(3)

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(
            st.sampled_from(ends),
            st.lists(st.sampled_from(everything), min_size=1, max_size=4),
            st.one_of(st.none(), st.binary(max_size=60)),
            st.booleans(),
        )
        def open_some(own, methods, first, hangs_up):
            own.open_at_once(methods, first)
            if hangs_up:
                own.calls[draws.randrange(len(own.calls))].cancel()

        open_some()
        thread.join(120)
        assert done.is_set()
        assert all_are_served(fed)
        for own in ends:
            own.close()
        assert eventually(lambda: busy() <= 1), busy()
