"""The packed order of episodes against a listing that a child could make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.runtime.core.timeline import timeline

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8).map(lambda row: sorted(row, reverse=True))


@given(LENGTHS)
def test_order_is_the_naive_listing(lengths):
    moments = [(t, e) for t in range(lengths[0] + 1) for e, length in enumerate(lengths) if t <= length]
    transitions = [(t, e) for t in range(lengths[0]) for e, length in enumerate(lengths) if t < length]
    order = timeline(np.array(lengths, np.int64))
    assert list(zip(order.moment_time.tolist(), order.moment_episode.tolist(), strict=True)) == moments
    assert [moments[k] for k in order.taken] == transitions
    assert order.batch == len(lengths)
    assert order.moments == len(moments)
    assert order.transitions == len(transitions)
    for t in range(lengths[0] + 1):
        rows = [k for k, moment in enumerate(moments) if moment[0] == t]
        assert order.counts[t] == len(rows)
        assert [order.offsets[t], order.offsets[t + 1]] == [rows[0], rows[-1] + 1]
    for k, (t, e) in enumerate(transitions):
        assert moments[order.batch + k] == (t + 1, e)  # what follows transition k
    assert [transitions[k] for k in order.ends] == [(length - 1, e) for e, length in enumerate(lengths)]
    assert {a.dtype for a in (order.counts, order.offsets, order.moment_time, order.moment_episode, order.taken)} == {
        np.dtype(np.int64)
    }


@pytest.mark.parametrize("lengths", [[], [0], [2, 0], [1, 2], [-1], [[1]]])
def test_refuses_what_is_no_batch(lengths):
    with pytest.raises(ValueError, match="descending, each at least 1"):
        timeline(np.array(lengths, np.int64))
