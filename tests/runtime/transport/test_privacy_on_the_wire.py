"""Every byte that an agent sends and hears is recorded; what is private is in none of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fedqmix.algorithms import ALGORITHMS, find_algorithm
from fedqmix.clients.rounds import RoundPlan, train_round
from support.bad_wire import BadWire
from support.federation import SPEC, Federation, together
from support.toy_team import algorithm
from support.toy_world import SECRET, ToyWorld

PLAN = RoundPlan(4, 10**9, True)
OWN_SCALE = np.float32(1.1731)  # so that no sum of team rewards is an own reward
WINDOW = 16  # bytes in a row: four float32, two int64


class Recorded:
    """A round of training whose connections were listened in on, and everything that was in it."""

    def __init__(self, name: str, reward: str) -> None:
        self.wires: dict[int, BadWire] = {}
        self.lock = threading.Lock()
        settings = algorithm(name=name, reward=reward)
        self.rows = {row.name for row in find_algorithm(settings).rows}
        fed = Federation(settings=settings, via=self._via)
        fed.open()
        self.stacks = fed.stacks()
        self.first = [_bytes_of(stack.online) for stack in self.stacks]

        def train(agent):
            world, mixer = fed.remote(agent)
            outcome = train_round(self.stacks[agent], world, mixer, PLAN)
            mixer.finish()
            return outcome

        outcomes = together(train)
        assert [outcome.training_steps for outcome in outcomes] == [4, 4, 4]
        self.world, self.mixer = self.wires[fed.world_port], self.wires[fed.mixer_port]
        self.records = fed.sides[0].learner.records
        fed.close()
        for wire in self.wires.values():
            wire.close()

    def _via(self, port: int) -> int:
        with self.lock:  # the agents connect at the same time, and every one of them is listened to
            if port not in self.wires:
                self.wires[port] = BadWire(port)
            return self.wires[port].port


def _bytes_of(named) -> list[bytes]:
    return [value.detach().numpy().tobytes() for value in named.values()]


def _states(records) -> list[bytes]:
    """The last four numbers of every state in which an episode is half won: no observation looks like them."""
    rows = records.ring.packed(0)["state"].numpy().reshape(-1, SPEC.state_dim)
    half_won = rows[(rows[:, -1] > 0) & (rows[:, -1] < 1)]
    assert len(half_won) > 3
    return [row[-4:].tobytes() for row in half_won]


def _everything(streams) -> bytes:
    return b"\0".join(bytes(stream) for stream in streams)


def _found(private: list[bytes], stream: bytes) -> bool:
    """Say whether any piece of something private is in a stream, wherever the messages were cut."""
    pieces = (whole[at : at + WINDOW] for whole in private for at in range(0, len(whole) - WINDOW + 1, WINDOW))
    return any(piece in stream for piece in pieces if any(piece))


METHODS = [
    ("qmix", "team"),
    ("ow_qmix", "team"),
    ("cw_qmix", "team"),
    ("qplex", "team"),
    ("qtran", "team"),
    ("refil", "team"),
    ("transf_qmix", "team"),
    ("iql", "individual"),
]


@pytest.fixture(scope="module", params=METHODS, ids=[name for name, _ in METHODS])
def recorded(request) -> Iterator[Recorded]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ToyWorld, "own_scale", OWN_SCALE)
        yield Recorded(*request.param)


def test_the_rows_on_the_wire_are_those_declared(recorded):
    told = _everything(recorded.mixer.said)
    everything = {row.name for one in ALGORITHMS.values() for row in one.rows}
    assert {name for name in everything if name.encode() in told} == recorded.rows


def test_the_search_finds_what_is_there(recorded):
    """The world answers with observations, agents send it actions, the world tells the mixer the state."""
    heard, said = _everything(recorded.world.answered), _everything(recorded.world.said)
    assert SECRET.tobytes() in heard
    assert any(_found([stack.ring.packed(0)["observations"].numpy().tobytes()], heard) for stack in recorded.stacks)
    assert b"int64" in said
    told = _everything(recorded.mixer.said)
    assert all(state in told for state in _states(recorded.records))


def test_no_observation_reaches_the_mixer(recorded):
    told = _everything(recorded.mixer.said)
    assert SECRET.tobytes() not in told
    for stack in recorded.stacks:
        assert not _found([stack.ring.packed(0)["observations"].numpy().tobytes()], told)


def test_no_action_reaches_the_mixer_unless_it_is_declared(recorded):
    """Actions are the only int64 that an agent sends, and whole rows of them are in no other type either.

    QPLEX declares the actions taken, as bytes in the order of the sampled transitions.
    """
    told = _everything(recorded.mixer.said)
    assert b"int64" not in told
    assert (b"uint8" in told) is ("action" in recorded.rows)
    for stack in recorded.stacks:
        actions = stack.ring.packed(0)["actions"].to(torch.int64).numpy().reshape(-1)
        for dtype in (np.int64, np.float32):
            assert not _found([actions.astype(dtype).tobytes()], told)


def test_no_own_reward_leaves_an_agent(recorded):
    """Where agents learn from their own rewards: the world sends these, and to the mixer only the team's."""
    said = _everything(recorded.mixer.said) + _everything(recorded.world.said)
    heard = _everything(recorded.world.answered)
    for stack in recorded.stacks:
        if "individual_reward" in stack.ring.fields:
            rewards = stack.ring.packed(0)["individual_reward"].numpy()
            assert np.count_nonzero(rewards) > 3
            for reward in np.unique(rewards[rewards > 0]):
                assert reward.tobytes() in heard
                assert reward.tobytes() not in said


def test_no_parameter_leaves_an_agent(recorded):
    said = _everything(recorded.mixer.said) + _everything(recorded.world.said)
    for stack, first in zip(recorded.stacks, recorded.first, strict=True):
        assert not _found([*first, *_bytes_of(stack.online), *_bytes_of(stack.target)], said)


def test_no_agent_hears_the_state(recorded):
    heard = _everything(recorded.mixer.answered) + _everything(recorded.world.answered)
    assert not any(state in heard for state in _states(recorded.records))
