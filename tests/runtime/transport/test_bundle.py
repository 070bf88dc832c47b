"""Named arrays as bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.bundle import bundle, unbundle

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
        unbundle(data)


def header(words: str) -> bytes:
    """Bytes that begin as safetensors do, with a header of one's own."""
    return len(words).to_bytes(8, "little") + words.encode()


@pytest.mark.parametrize(
    "metadata",
    ['{"order": "' + "[" * 100_000 + '"}', '{"order": "7"}', '{"order": "null"}', '{"order": "[[1]]"}', "{}"],
    ids=["nested", "a number", "null", "a list of lists", "none"],
)
def test_an_order_that_is_no_list_of_names_is_refused(metadata):
    with pytest.raises(RefusedError, match="bundle"):
        unbundle(header('{"__metadata__": ' + metadata + "}"))
