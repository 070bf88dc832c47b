"""What agents and server say to each other, byte by byte: shared parameters and counters, and nothing else."""

import numpy as np
import pytest
from flwr.app import MessageType

from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.core import messages as m
from support.real_team import run
from support.toy_team import algorithm, make_team
from support.toy_world import SECRET

METRICS = {
    m.JOIN: {m.AGENT},
    m.POLICY: {m.NUM_EXAMPLES, m.ENV_STEP, m.ACCUMULATED_REWARD, m.BROKEN},
    MessageType.TRAIN: {m.NUM_EXAMPLES, m.TRAIN_STEP, m.ENV_STEP, m.EPISODE, m.BROKEN, m.ACCUMULATED_REWARD},
    MessageType.EVALUATE: {m.NUM_EXAMPLES, m.WIN_RATE, m.EPISODE_LENGTH, m.BROKEN},
}
RUNS = [
    ("none", {}, ()),
    ("a_pps", {}, PARAMETER_NAMES),
    ("rs_pps", {"reward": "policy"}, PARAMETER_NAMES),
    ("pp_pps", {}, ("head.weight", "head.bias")),
    ("pp_pps", {"reward": "policy"}, ("head.weight", "head.bias")),
    ("pp_pps", {"shared": ["fc.*", "gru.weight_*"]}, ("fc.weight", "fc.bias", "gru.weight_ih", "gru.weight_hh")),
    ("full_sharing", {}, PARAMETER_NAMES),
]
EACH_RUN = pytest.mark.parametrize(("name", "changes", "shared"), RUNS, ids=[f"{n}-{'-'.join(c)}" for n, c, _ in RUNS])


def numbers_in(metrics):
    """The values of metrics; of an evaluation by one kind of episodes, whose values are lists, the one in each list."""
    for name, value in metrics.items():
        if name in (m.WIN_RATE, m.EPISODE_LENGTH):
            assert len(value) == 1
            yield value[0]
        else:
            yield value


@EACH_RUN
def test_messages_hold_what_they_must_and_nothing_else(name, changes, shared):
    _, _, grid, _ = run(name, 3, **changes)
    kinds = {message.metadata.message_type for message in grid.questions}
    assert kinds == set(METRICS) - ({m.POLICY} if changes.get("reward") != "policy" else set())
    for question in grid.questions:
        records = dict(question.content.items())
        assert set(records) == ({m.PLAN} if question.metadata.message_type == m.JOIN else {m.PLAN, m.ARRAYS})
        if m.ARRAYS in records:
            assert tuple(records[m.ARRAYS]) == shared
    for reply in grid.replies:
        kind, records = reply.metadata.message_type, dict(reply.content.items())
        assert set(records) == {m.ARRAYS, m.METRICS}
        assert tuple(records[m.ARRAYS]) == (shared if kind in (m.JOIN, MessageType.TRAIN) else ())
        assert set(records[m.METRICS]) == METRICS[kind]
        assert all(isinstance(value, int | float) for value in numbers_in(records[m.METRICS]))


@EACH_RUN
def test_arrays_are_the_networks_and_of_their_size(name, changes, shared):
    """A reply's arrays are the agent's own online parameters: nothing is hidden in their bytes."""
    team, _, grid, _ = run(name, 1, **changes)
    trained = [reply for reply in grid.replies if reply.metadata.message_type == MessageType.TRAIN]
    assert len(trained) == 3
    for reply in trained:
        for parameter, array in reply.content.array_records[m.ARRAYS].items():
            value = array.numpy()
            assert value.shape == tuple(team.agents.online[parameter].shape[1:])
            assert value.dtype == np.float32
            assert len(array.data) <= value.nbytes + 128  # numpy's own header


@EACH_RUN
def test_personal_names_are_in_no_message(name, changes, shared):
    _, _, grid, _ = run(name, 2, **changes)
    wire = b"".join(grid.wire())
    for parameter in PARAMETER_NAMES:
        assert (parameter.encode() in wire) == (parameter in shared)
    for word in (b"target.", b"adam", b"observation", b"available", b"optimiser"):
        assert word not in wire


def private_bytes(team):
    """Every observation and every episode's actions of every agent, as the bytes they might be sent as."""
    held = team.agents.ring.packed(0)
    observations = held["observations"].numpy()
    patterns = set()
    for kind in (np.float32, np.float64):
        patterns.add(SECRET.astype(kind).tobytes())
        for row in observations.reshape(-1, observations.shape[-1]):
            if row[-1] == SECRET:  # of a living agent
                patterns.add(row[-2:].astype(kind).tobytes())
    ends = np.cumsum(held["lengths"].numpy() + 1)
    for actions in held["actions"].numpy():
        for end, length in zip(ends, held["lengths"].numpy(), strict=True):
            taken = actions[end - length - 1 : end - 1]
            if len(set(taken.tolist())) >= 3 and len(taken) >= 5:
                patterns |= {taken.astype(kind).tobytes() for kind in (np.int8, np.int32, np.int64, np.float32)}
    return patterns


@EACH_RUN
def test_no_observation_and_no_action_leaves_an_agent(name, changes, shared):
    team, _, grid, _ = run(name, 3, **changes)
    patterns = private_bytes(team)
    assert len(patterns) > 200
    wire = b"\x00\x00".join(grid.wire())
    assert len(wire) > 1000
    assert not [pattern for pattern in patterns if pattern in wire]


def test_the_search_would_find_them():
    """The same search in a buffer's own bytes finds what it looks for."""
    team, *_ = run("none", 3)
    patterns = private_bytes(team)
    held = team.agents.ring.packed(0)
    bytes_held = held["observations"].numpy().tobytes() + held["actions"].numpy().tobytes()
    assert sum(pattern in bytes_held for pattern in patterns) > len(patterns) / 4


@pytest.mark.parametrize("tied", [False, True], ids=["own gradients", "tied gradients"])
def test_the_mixer_is_sent_one_number_per_transition(tied):
    """Q-values and gradients cross to the mixer's side, never an observation or an action."""
    team = make_team(algorithm(parallel_episodes=4))
    sent = []

    class Listening:
        def __getattr__(self, name):
            def call(*tensors):
                sent.append((name, tensors))
                return getattr(team.learner, name)(*tensors)

            return call

    train_round(team.agents, team.world, Listening(), RoundPlan(3, 10**6, tied))
    assert [name for name, _ in sent] == ["exchange", *(["pool"] if tied else []), "clip"] * 3
    parameters = sum(value[0].numel() for value in team.agents.online.values())
    tensors = []
    for name, (given,) in sent:
        if name == "exchange":
            assert set(given) == {"q_taken", "q_next"}
            assert given["q_taken"].shape == given["q_next"].shape
            assert given["q_taken"].dim() == 2
            assert len(given["q_taken"]) == 3
            tensors += given.values()
        else:
            assert given.shape == ((3, parameters) if name == "pool" else (3,))
            tensors.append(given)
    wire = b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)
    assert not [pattern for pattern in private_bytes(team) if pattern in wire]
    assert set(team.learner.records.ring.fields) == {"state", "team_reward", "terminated"}
