"""What must not be said is refused in words, and the others go on as if it had never been said."""

from __future__ import annotations

import threading
from functools import partial

import grpc
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedqmix.algorithms import find_algorithm
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, DivergenceError, RefusedError
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.codec import encode
from fedqmix.runtime.transport.mixer_service import read_rows
from fedqmix.runtime.transport.proto import control_pb2, mixer_pb2, team_sink_pb2, world_pb2
from fedqmix.runtime.transport.proto.mixer_pb2_grpc import MixerStub
from fedqmix.runtime.transport.proto.team_sink_pb2_grpc import TeamSinkStub
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor
from fedqmix.runtime.transport.proto.world_pb2_grpc import WorldStub
from fedqmix.runtime.transport.security import MESSAGE_LIMIT
from fedqmix.runtime.transport.tickets import attempt_message, header
from fedqmix.runtime.transport.world_remote import RemoteWorld
from support.certified import authority, certified
from support.federation import ATTEMPT, SPEC, channel, federation, say, together
from support.toy_team import algorithm

pytestmark = pytest.mark.usefixtures("both_transports")

EPISODES = EpisodeBatch(Purpose.TRAINING, 0, 3)
PLAN = RoundPlan(3, 10**9, True)


def move(actions, agent=0, sequence=2) -> world_pb2.Move:
    return world_pb2.Move(header=header(ATTEMPT, agent, sequence), actions=actions)


def agent_rows(agent, sequence, **rows) -> mixer_pb2.AgentRows:
    return mixer_pb2.AgentRows(header=header(ATTEMPT, agent, sequence), rows=rows)


ONES = np.ones((1, 3), np.int64)
ONE = torch.ones(1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (move(encode(np.ones((1, 4), np.int64))), r"shape \[1, 3\]; got \[1, 4\]"),
        (move(encode(np.ones((3, 3), np.int64))), r"shape \[1, 3\]; got \[3, 3\]"),
        (move(encode(np.ones((1, 3), np.float32))), "must be int64"),
        (move(Tensor(dtype="int64", shape=[1, 3], data=b"123")), "takes 24 bytes; got 3"),
        (move(encode(ONES), agent=3), "no agent 3: they go from 0 to 2"),
        (move(encode(ONES), sequence=0), "replayed sequence number 0; 2 is next"),
        (move(encode(ONES), sequence=1), "used the sequence number 1 for two requests"),
        (move(encode(ONES), sequence=7), "sequence number 7; 2 is next"),
        (
            world_pb2.Ready(header=header(ATTEMPT, 0, 2), battles=world_pb2.EpisodeBatch(purpose="fun", count=3)),
            "'fun'",
        ),
    ],
)
def test_the_world_refuses_what_is_wrong_and_plays_on(message, words):
    with federation() as fed:
        fed.open()
        remotes = [fed.remote(agent)[0] for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: remotes[agent].begin(EPISODES))
        stub = WorldStub(fed.channel("anybody", "world"))
        step, begin = partial(say, "the world", stub.Step), partial(Line("the world", 1).call, stub.Begin)
        with pytest.raises(RefusedError, match=words):
            (step if isinstance(message, world_pb2.Move) else begin)(message)
        time_steps = together(lambda agent: remotes[agent].step(time_steps[agent].available_actions.argmax(-1)))
        assert all(time_step.observations.shape == (1, 3, SPEC.obs_dim) for time_step in time_steps)


def learned_together(fed, agents):
    """Let everybody train; return what came of it."""
    stacks = fed.stacks()
    return together(lambda agent: train_round(stacks[agent], *fed.remote(agent), PLAN) if agent in agents else None)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda n: encode(np.full((1, n), np.nan, np.float32)), "must be finite; got nan"),
        (lambda n: encode(np.full((1, n), np.inf, np.float32)), "must be finite; got inf"),
        (lambda n: encode(np.ones((1, n + 1), np.float32)), r"must have the shape \[1, \d+\]"),
        (lambda n: encode(np.ones((1, n), np.float64)), "must be float32; got 'float64'"),
        (lambda n: Tensor(dtype="bfloat16", shape=[1, n], data=bytes(2 * n)), "must be float32; got 'bfloat16'"),
    ],
)
def test_the_mixer_refuses_what_is_wrong_and_learns_on(bad, words):
    with federation(settings=algorithm(batch_size=3)) as fed:
        fed.open()
        played = [fed.remote(agent) for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: played[agent][0].begin(EPISODES))
        while not (time_steps[0].terminated | time_steps[0].truncated).all():
            actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
            time_steps = together(lambda agent, actions=actions: played[agent][0].step(actions[agent]))
        n = fed.sides[0].timeline().transitions
        stub = MixerStub(fed.channel("anybody", "mixer"))
        for q_taken, q_next in (
            (bad(n), encode(np.ones((1, n), np.float32))),
            (encode(np.ones((1, n), np.float32)), bad(n)),
        ):
            with pytest.raises(RefusedError, match=words):
                say("the mixer", stub.Exchange, agent_rows(1, 1, q_taken=q_taken, q_next=q_next))
        ones = {"q_taken": torch.ones(1, n), "q_next": torch.ones(1, n)}
        gradients = together(lambda agent: played[agent][1].exchange(ones))
        assert all(set(one) == {"q_taken"} for one in gradients)
        assert all(one["q_taken"].shape == (1, n) and one["q_taken"].isfinite().all() for one in gradients)
        with pytest.raises(RefusedError, match="finite and not negative; got nan"):
            played[2][1].clip(torch.tensor([float("nan")], dtype=torch.float64))
        scales = together(lambda agent: say("the mixer", stub.Clip, norm(agent)))
        assert len({scale.scale for scale in scales}) == 1


def test_the_mixer_refuses_whole_numbers_beyond_the_declared_ones():
    """An action that does not exist, as a byte that fits the row's type and shape."""
    declared = find_algorithm(algorithm(name="qplex")).sized_rows(SPEC, algorithm(name="qplex"))
    order = timeline(np.array([2, 1], np.int64))
    honest = {row.name: np.zeros((1, row.count(order), *row.lengths), row.dtype) for row in declared}
    encoded = {name: encode(row) for name, row in honest.items()}
    assert set(read_rows(encoded, declared, order)) == set(honest)
    beyond = honest["greedy_next"].copy()
    beyond[0, 1] = SPEC.n_actions
    last = SPEC.n_actions - 1
    with pytest.raises(RefusedError, match=f"greedy_next must be from 0 to {last}; got {SPEC.n_actions}"):
        read_rows(encoded | {"greedy_next": encode(beyond)}, declared, order)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("q_taken",), "q_next missing; the algorithm's rows are q_taken, q_next"),
        (("q_taken", "q_next", "observations"), "'observations' not declared; the algorithm's rows are"),
        (("q_taken", "embedding"), "'embedding' not declared and q_next missing"),
        ((), "q_taken, q_next missing"),
        (tuple(f"{'x' * 1000}{number}" for number in range(50)), r"'x{40}', 'x{40}', 'x{40}' and 47 more not declared"),
    ],
)
def test_rows_that_are_not_declared_never_enter(rows, words):
    with federation(settings=algorithm(batch_size=3)) as fed:
        fed.open()
        played = [fed.remote(agent) for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: played[agent][0].begin(EPISODES))
        while not (time_steps[0].terminated | time_steps[0].truncated).all():
            actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
            time_steps = together(lambda agent, actions=actions: played[agent][0].step(actions[agent]))
        ones = encode(np.ones((1, fed.sides[0].timeline().transitions), np.float32))
        stub = MixerStub(fed.channel("anybody", "mixer"))
        with pytest.raises(RefusedError, match=words):
            say("the mixer", stub.Exchange, agent_rows(1, 1, **dict.fromkeys(rows, ones)))


def test_agents_that_learn_from_their_own_rewards_send_no_rows():
    with federation(settings=algorithm(name="iql", reward="individual", batch_size=3)) as fed:
        fed.open()
        played = [fed.remote(agent) for agent in range(SPEC.n_agents)]
        time_steps = together(lambda agent: played[agent][0].begin(EPISODES))
        while not (time_steps[0].terminated | time_steps[0].truncated).all():
            actions = [time_step.available_actions.argmax(-1) for time_step in time_steps]
            time_steps = together(lambda agent, actions=actions: played[agent][0].step(actions[agent]))
        ones = encode(np.ones((1, fed.sides[0].timeline().transitions), np.float32))
        stub = MixerStub(fed.channel("anybody", "mixer"))
        for rows in ({}, {"q_taken": ones, "q_next": ones}):
            with pytest.raises(RefusedError, match="learn from individual rewards and send none"):
                say("the mixer", stub.Exchange, agent_rows(1, 1, **rows))
        squared = torch.tensor([4.0], dtype=torch.float64)
        assert together(lambda agent: played[agent][1].clip(squared)) == pytest.approx([1.0] * SPEC.n_agents)


def norm(agent) -> mixer_pb2.Norm:
    return mixer_pb2.Norm(header=header(ATTEMPT, agent, 2), squared=1.0)


def test_an_agent_whose_q_values_diverge_says_so_itself():
    with federation() as fed:
        fed.open()
        mixer = fed.remote(1)[1]
        with pytest.raises(
            DivergenceError, match="a value of q_taken that agent 1 sends to the mixer is not finite at training step 1"
        ):
            mixer.exchange({"q_taken": torch.tensor([[1.0, float("inf")]]), "q_next": torch.ones(1, 2)})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    home = authority(folder)
    parties = ("superlink", "world", "mixer", "agent-0", "agent-1", "agent-2", "supernode-0")
    return {party: certified(home, folder, party) for party in parties}


def test_nobody_speaks_for_another(certificates):
    with federation(certificates=certificates) as fed:
        fed.open()
        control = fed.controls("agent-0")[1]
        for question in (control.status, lambda: control.ledger("a run"), lambda: control.open(ATTEMPT, "train", "")):
            with pytest.raises(RefusedError, match="for superlink to say; the certificate shown is agent-0's"):
                question()
        for name in ("agent-1", "supernode-0", "world", "superlink"):
            world, mixer = fed.remote(0, caller=name)
            for act in (partial(mixer.clip, ONE), mixer.finish, lambda world=world: world.begin(EPISODES)):
                permitted = "agent-0" if name == "agent-1" else "an agent"
                with pytest.raises(RefusedError, match=f"for {permitted} to say; the certificate shown is {name}'s"):
                    act()
        lie = team_sink_pb2.Outcome(attempt=attempt_message(ATTEMPT), sequence=1)
        with pytest.raises(RefusedError, match="for world to say; the certificate shown is agent-0's"):
            say("the mixer", TeamSinkStub(fed.channel("agent-0", "mixer")).Record, lie)
        with pytest.raises(AttemptError, match="could not be reached"):
            RemoteWorld(channel(fed.world_port), 0, ATTEMPT, SPEC, patience=0.1).begin(EPISODES)
        assert [agent.sequence for agent in fed.controls()[1].status().agents] == [0, 0, 0]
        outcomes = learned_together(fed, range(SPEC.n_agents))
        assert [outcome.training_steps for outcome in outcomes] == [3, 3, 3]


def test_a_huge_message_is_refused():
    with federation() as fed:
        fed.open()
        huge = move(Tensor(dtype="int64", shape=[1, 3], data=bytes(MESSAGE_LIMIT)))
        loose = grpc.insecure_channel(f"127.0.0.1:{fed.world_port}", options=[("grpc.max_send_message_length", -1)])
        for own in (loose, fed.channel("anybody", "world")):  # refused where it arrives, and where it leaves
            with pytest.raises(RefusedError, match=r"too large: .*larger than max"):
                say("the world", WorldStub(own).Step, huge)
        loose.close()
        time_steps = together(lambda agent: fed.remote(agent)[0].begin(EPISODES))
        assert all(time_step.observations.shape == (1, 3, SPEC.obs_dim) for time_step in time_steps)


def test_messages_of_other_attempts_are_late_or_not_expected():
    with federation() as fed:
        fed.open(Attempt("a run", 1, 5))
        for attempt, words in (
            (Attempt("a run", 1, 4), "comes late: attempt 5"),
            (Attempt("a run", 1, 6), "is not expected: attempt 5"),
            (Attempt("another", 1, 5), "is not expected: attempt 5 of run a run"),
        ):
            with pytest.raises(AttemptError, match=words):
                fed.remote(0, attempt)[0].begin(EPISODES)
        with pytest.raises(AttemptError, match="Attempt 4 comes late"):
            fed.open(Attempt("a run", 1, 4))
        with pytest.raises(RefusedError, match="no attempt at 'play'; choose from train"):
            fed.open(Attempt("a run", 1, 6), kind="play")
        with pytest.raises(AttemptError, match="does not stand at the end of round 1"):
            fed.controls()[0].report("a run", 1)
        with pytest.raises(RefusedError, match="ask the mixer"):
            fed.controls()[1].report("a run", 1)


def test_nothing_is_learned_while_the_team_is_evaluated_or_after_the_round():
    with federation() as fed:
        fed.open()
        assert [outcome.training_steps for outcome in learned_together(fed, range(SPEC.n_agents))] == [3, 3, 3]
        second = Attempt("a run", 1, 2)
        fed.open(second)
        mixers = [fed.remote(agent, second)[1] for agent in range(SPEC.n_agents)]
        together(lambda agent: mixers[agent].finish())
        third = Attempt("a run", 1, 3)
        for attempt_mixers in (mixers, [fed.remote(agent, third)[1] for agent in range(SPEC.n_agents)]):
            for act in (partial(attempt_mixers[0].clip, ONE), attempt_mixers[1].finish):
                with pytest.raises(RefusedError, match="Nothing is learned in this attempt"):
                    act()
            fed.open(third, "evaluate")
        assert sorted(fed.checkpoints) == [0, 1]


METHODS = [
    f"/fedqmix.{service}/{method.name}"
    for file in (world_pb2, mixer_pb2, team_sink_pb2, control_pb2)
    for service, descriptor in file.DESCRIPTOR.services_by_name.items()
    for method in descriptor.methods
]


def test_raw_bytes_crash_no_service():
    """While agents train, a stranger says arbitrary bytes to every method; everybody still gets the same result."""
    with federation() as fed:
        fed.open()
        done, outcomes = threading.Event(), []

        def train():
            outcomes.extend(learned_together(fed, range(SPEC.n_agents)))
            done.set()

        strangers = [channel(fed.world_port), channel(fed.mixer_port)]
        heads = st.builds(header, st.just(ATTEMPT), st.integers(3, 9), st.integers(0, 2**64 - 1))
        about_attempt = st.builds(
            lambda head, rest: mixer_pb2.Norm(header=head).SerializeToString() + rest,
            heads,
            st.binary(max_size=30),
        )
        codes = set()

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.sampled_from(METHODS), st.one_of(st.binary(max_size=60), about_attempt))
        def say(method, raw):
            for own in strangers:
                future = own.unary_unary(method).future(raw, timeout=5)
                codes.add(future.code())

        thread = threading.Thread(target=train)
        thread.start()
        say()
        thread.join()
        assert done.is_set()
        refused = {grpc.StatusCode.ABORTED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL}
        possible = {grpc.StatusCode.OK, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION}
        assert refused <= codes <= refused | possible, codes
        assert [type(outcome).__name__ for outcome in outcomes] == ["RoundOutcome"] * 3, outcomes
        for own in strangers:
            own.close()
