"""Named arrays as one row of bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from contracts.errors import RefusedError
from coupling.bundle import bundle, unbundle

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


def test_another_kind_of_array_is_refused():
    with pytest.raises(RefusedError, match="one row of bytes"):
        unbundle(np.zeros((2, 2), np.float32))
