"""Named arrays as one row of bytes."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.bundle import bundle, opened, unbundle

NAMED = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
    arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]), array_shapes(min_dims=0, max_side=4)),
    max_size=5,
)


@given(NAMED)
def test_what_comes_out_is_what_went_in(named):
    found = unbundle(bundle(named))
    assert list(found) == list(named)
    for name, value in named.items():
        assert found[name].dtype == value.dtype
        assert found[name].tobytes() == value.tobytes()
        assert found[name].shape == value.shape


@given(st.binary(max_size=200))
def test_nonsense_is_refused(data):
    with pytest.raises(RefusedError, match="bundle"):
        unbundle(np.frombuffer(data, np.uint8))


def header(words: str) -> np.ndarray:
    """A row of bytes that begins as safetensors do, with a header of one's own."""
    return np.frombuffer(len(words).to_bytes(8, "little") + words.encode(), np.uint8)


@pytest.mark.parametrize(
    "metadata",
    ['{"order": "' + "[" * 100_000 + '"}', '{"order": "7"}', '{"order": "null"}', '{"order": "[[1]]"}', "{}"],
    ids=["nested", "a number", "null", "a list of lists", "none"],
)
def test_an_order_that_is_no_list_of_names_is_refused(metadata):
    with pytest.raises(RefusedError, match="bundle"):
        unbundle(header('{"__metadata__": ' + metadata + "}"))


@pytest.mark.parametrize("data", [b"", b"no numpy", b"\x93NUMPY\x01\x00" + b"\xff" * 20])
def test_bytes_that_are_no_array_are_refused(data):
    array = Array(dtype="uint8", shape=(3,), stype="numpy.ndarray", data=data)
    with pytest.raises(RefusedError, match="cannot be read"):
        opened(RecordDict({m.ARRAYS: ArrayRecord({m.BUNDLE: array})}))


def test_another_kind_of_array_is_refused():
    with pytest.raises(RefusedError, match="one row of bytes"):
        unbundle(np.zeros((2, 2), np.float32))
