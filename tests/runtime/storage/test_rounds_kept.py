"""Rounds: a failed attempt leaves no trace, a restarted process goes on, and what was committed can be taken back."""

import pytest
import torch

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage.rounds import Rounds
from support.stored_run import RUN_ID, new_rings, play


class Thing:
    """A tensor and two rings that `live` changes."""

    def __init__(self):
        self.weights = torch.zeros(3)
        self.rings = new_rings()

    def state(self):
        return {"thing": {"weights": self.weights}}

    def load(self, tensors, checkpoint):
        self.weights = tensors["thing"]["weights"].clone()
        checkpoint.fill(self.rings)

    def live(self, episodes):
        self.weights = self.weights + episodes + 0.5
        play(self.rings, episodes)
        return self


def look(thing):
    seen = {"weights": thing.weights.clone()}
    for name, ring in thing.rings.items():
        seen |= {f"{name}.{field}": column.clone() for field, column in ring.packed(0).items()}
    return seen


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def rounds(tmp_path):
    return Rounds(tmp_path / "state", RUN_ID, Thing)


def lived(rounds, round_, episodes):
    rounds.change(round_ - 1).live(episodes)
    rounds.commit(round_, {"round": round_})
    return look(rounds.after(round_))


def test_a_failed_attempt_leaves_no_trace(rounds):
    first = lived(rounds, 1, 3)
    rounds.change(1).live(5)  # and never committed
    assert same(look(rounds.after(1)), first)


def test_a_restarted_process_goes_on_from_either_state(rounds, tmp_path):
    begun = look(rounds.after(0))
    first = lived(rounds, 1, 3)
    for round_, expected in ((1, first), (0, begun)):
        again = Rounds(tmp_path / "state", RUN_ID, Thing)
        assert same(look(again.after(round_)), expected)
        assert again.facts == ({"round": 1} if round_ else {})


def test_a_committed_round_can_be_taken_back_and_lived_again(rounds):
    lived(rounds, 1, 3)
    second = lived(rounds, 2, 2)
    lived(rounds, 2, 4)  # from the state after round 1 again, differently
    assert same(lived(rounds, 2, 2), second)
    assert same(look(rounds.after(1)), look(rounds.after(1)))


def test_the_same_thing_stays_in_memory_while_all_goes_well(rounds):
    thing = rounds.after(0)
    lived(rounds, 1, 3)
    assert rounds.after(1) is thing


def test_a_state_that_is_gone_is_said(rounds):
    for round_ in (1, 2, 3):
        lived(rounds, round_, 1)
    with pytest.raises(CheckpointError, match=r"no state after round 1 of run .*only after rounds 2, 3"):
        rounds.after(1)


def test_another_runs_states_are_refused(rounds, tmp_path):
    lived(rounds, 1, 1)
    with pytest.raises(CheckpointError, match="belongs to run"):
        Rounds(tmp_path / "state", "another", Thing).after(1)
