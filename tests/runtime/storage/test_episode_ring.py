"""The ring against a plain list of episodes: any order of adds and draws, wrap-around included."""

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fedqmix.runtime.core.errors import CheckpointError, SlotError
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.storage.ring import EpisodeRing, Field
from support.stored_run import CAPACITY, FIELDS, LIMIT, columns, lengths_of, new_ring


class RingModel(RuleBasedStateMachine):
    """Episodes are generated from their number, so the list need only remember lengths."""

    def __init__(self):
        super().__init__()
        self.ring = new_ring()
        self.lengths = []

    @rule(count=st.integers(1, 2 * CAPACITY + 1), spare=st.booleans())
    def add(self, count, spare):
        first = len(self.lengths)
        lengths = lengths_of(first, count)
        batch = columns(first, count)
        if not spare:  # a batch may end with its longest episode
            batch = {
                name: column.narrow(len(FIELDS[name].lead), 0, int(lengths.max()) + 1) for name, column in batch.items()
            }
        self.ring.add(batch, lengths)
        self.lengths += lengths.tolist()
        assert self.ring.added == len(self.lengths)

    @precondition(lambda self: self.lengths)
    @rule(data=st.data())
    def draw(self, data):
        slots = np.array(data.draw(st.lists(st.integers(0, self.ring.filled - 1), min_size=1, max_size=2 * CAPACITY)))
        slots = slots[np.argsort(-self.ring.lengths(slots), kind="stable")]
        assert self.ring.lengths(slots).tolist() == [self.lengths[self.number(slot)] for slot in slots]
        layout = timeline(self.ring.lengths(slots))
        drawn = self.ring.draw(slots, layout)
        assert drawn.keys() == FIELDS.keys()
        for moment, (position, time) in enumerate(zip(layout.moment_episode, layout.moment_time, strict=True)):
            episode = columns(self.number(slots[position]), 1)
            for name, field in FIELDS.items():
                axis = len(field.lead)
                assert torch.equal(
                    drawn[name].select(axis, moment), episode[name].select(axis + 1, 0).select(axis, int(time))
                )

    @rule(first=st.integers(0, 60), count=st.integers(0, 60))
    def pack(self, first, count):
        packed = self.ring.packed(first, first + count)
        end = min(first + count, len(self.lengths))
        held = range(max(first, len(self.lengths) - CAPACITY, 0), end)
        assert packed["lengths"].tolist() == [self.lengths[number] for number in held]
        for name, field in FIELDS.items():
            axis = len(field.lead)
            rows = [
                columns(number, 1)[name].select(axis + 1, 0).narrow(axis, 0, self.lengths[number] + 1)
                for number in held
            ]
            expected = torch.cat(rows, axis) if rows else torch.empty((*field.lead, 0, *field.trailing))
            assert packed[name].dtype == field.dtype
            assert torch.equal(packed[name], expected.to(field.dtype))

    @rule(cut=st.integers(0, CAPACITY))
    def restore(self, cut):
        copy = new_ring()
        middle = min(self.ring.oldest + cut, self.ring.added)
        copy.restore(self.ring.oldest, self.ring.packed(0, middle))
        copy.restore(middle, self.ring.packed(middle))
        self.ring = copy

    @rule(slot=st.integers(-2, CAPACITY + 2))
    def empty_slot(self, slot):
        if not 0 <= slot < self.ring.filled:
            with pytest.raises(SlotError, match=f"slot {slot} holds no finished episode"):
                self.ring.lengths(np.array([slot]))

    def number(self, slot):
        return max(number for number in range(len(self.lengths)) if number % CAPACITY == slot)


TestRing = RingModel.TestCase
TestRing.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


def test_rows_after_an_episodes_end_are_never_kept():
    fields = {"reward": Field((), (), torch.float32)}
    ring = EpisodeRing(2, 4, fields, torch.device("cpu"))
    reward = torch.full((5, 1), torch.nan)
    reward[:3] = 1.0
    ring.add({"reward": reward}, np.array([2]))
    assert torch.equal(ring.draw(np.array([0]), timeline(np.array([2])))["reward"], torch.ones(3))


def test_a_draw_refuses_a_timeline_of_other_lengths():
    ring = new_ring()
    ring.add(columns(0, 1), lengths_of(0, 1))
    with pytest.raises(ValueError, match="timeline"):
        ring.draw(np.array([0]), timeline(lengths_of(0, 1) + 1))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda batch, lengths: (batch, lengths * 0), "an episode has 1 to"),
        (lambda batch, lengths: (batch, lengths + LIMIT), "an episode has 1 to"),
        (lambda batch, lengths: (batch, lengths.astype(np.int32)), "int64"),
        (lambda batch, lengths: (batch, lengths[1:]), "must be torch.* of shape"),
        (lambda batch, lengths: ({**batch, "extra": batch["reward"]}, lengths), "columns must be"),
        (lambda batch, lengths: ({**batch, "reward": batch["reward"].float()}, lengths), "column reward must be"),
        (lambda batch, lengths: ({**batch, "reward": batch["reward"][:1]}, lengths), "column reward must be"),
        (lambda batch, lengths: ({**batch, "actions": batch["actions"][:1]}, lengths), "column actions must be"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_and_changes_nothing(spoil, words):
    ring = new_ring()
    ring.add(columns(0, 3), lengths_of(0, 3))
    before = ring.packed(0)
    with pytest.raises(ValueError, match=words):
        ring.add(*spoil(columns(3, 3), lengths_of(3, 3)))
    assert ring.added == 3
    assert all(torch.equal(column, before[name]) for name, column in ring.packed(0).items())


@pytest.mark.parametrize(
    ("first", "spoil", "words"),
    [
        (5, lambda segment: segment, "wrong order or lacks one"),
        (3, lambda segment: {**segment, "lengths": segment["lengths"] + LIMIT}, "do not fit this run's buffer"),
        (3, lambda segment: {**segment, "reward": segment["reward"][1:]}, "reward of the checkpoint's episodes"),
        (3, lambda segment: {**segment, "reward": segment["reward"].float()}, "reward of the checkpoint's episodes"),
        (3, lambda segment: {"lengths": segment["lengths"]}, "a segment must hold"),
    ],
)
def test_a_segment_that_does_not_fit_is_refused_and_changes_nothing(first, spoil, words):
    ring, other = new_ring(), new_ring()
    for each in (ring, other):
        each.add(columns(0, 3), lengths_of(0, 3))
    with pytest.raises(CheckpointError, match=words):
        ring.restore(first, spoil(other.packed(0)))
    assert ring.added == 3
    assert all(torch.equal(column, other.packed(0)[name]) for name, column in ring.packed(0).items())


def test_bytes_when_full_are_those_of_the_tensors():
    fields = {"a": Field((3,), (30,), torch.float32), "b": Field((), (), torch.bool)}
    ring = EpisodeRing(7, 11, fields, torch.device("cpu"))
    for number in range(9):
        ring.add({"a": torch.ones(3, 12, 1, 30), "b": torch.ones(12, 1, dtype=torch.bool)}, np.array([11]))
        assert ring.filled == min(number + 1, 7)
    held = ring.packed(0)
    assert EpisodeRing.nbytes_full(7, 11, fields) == held["a"].nbytes + held["b"].nbytes == 7 * 12 * (3 * 30 * 4 + 1)


def test_which_agents_exist_wraps_around_with_the_episodes():
    ring, drawn = EpisodeRing(CAPACITY, LIMIT, FIELDS, torch.device("cpu"), agents=3), np.random.default_rng(1)
    exists = drawn.random((3, 2 * CAPACITY + 1)) < 0.5
    for first in range(0, exists.shape[1], 2):
        own = exists[:, first : first + 2]
        ring.add(columns(first, own.shape[1]), lengths_of(first, own.shape[1]), own)
    held = np.arange(ring.oldest, ring.added)
    np.testing.assert_array_equal(ring.exists(held % CAPACITY), exists[:, held])
    packed = ring.packed(0)
    np.testing.assert_array_equal(packed["exists"].numpy(), exists[:, held])
    copy = EpisodeRing(CAPACITY, LIMIT, FIELDS, torch.device("cpu"), agents=3)
    copy.restore(ring.oldest, packed)
    np.testing.assert_array_equal(copy.exists(held % CAPACITY), exists[:, held])


def test_segments_without_existence_are_of_whole_teams_and_wrong_ones_are_refused():
    ring = EpisodeRing(CAPACITY, LIMIT, FIELDS, torch.device("cpu"), agents=2)
    ring.add(columns(0, 2), lengths_of(0, 2))
    packed = ring.packed(0)
    assert "exists" not in packed
    other = EpisodeRing(CAPACITY, LIMIT, FIELDS, torch.device("cpu"), agents=2)
    wrong = packed | {"exists": torch.ones(3, 2, dtype=torch.bool)}
    with pytest.raises(CheckpointError, match="do not fit this run's team: exists must be bool of shape"):
        other.restore(0, wrong)
    with pytest.raises(ValueError, match="exists must be bool of shape"):
        other.add(columns(0, 2), lengths_of(0, 2), np.ones((2, 2), np.int64))
    assert other.added == 0
    other.restore(0, packed)
    assert other.exists(np.arange(2)) is None
