"""Arrays on the wire come back as they were, and nothing else comes back as an array."""

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.codec import DTYPES, decode, encode
from fedqmix.runtime.transport.proto.tensor_pb2 import Tensor


def many(inputs: int):
    """Settings of a long search; the three below try more than 100,000 inputs together."""
    return settings(max_examples=inputs, deadline=None, suppress_health_check=list(HealthCheck))


QUICK = settings(max_examples=200, deadline=None)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ANY_ARRAY = st.sampled_from(sorted(DTYPES)).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))
ANY_TENSOR = st.builds(
    Tensor,
    dtype=st.one_of(st.sampled_from([*DTYPES, "bfloat16", "float16", "object", "complex64"]), st.text(max_size=9)),
    shape=st.lists(st.one_of(st.integers(0, 4), st.integers(0, 2**64 - 1)), max_size=5),
    data=st.binary(max_size=80),
)
EXPECTED_SHAPE = st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=4).map(tuple)


def there_and_back(array):
    read = Tensor.FromString(encode(array).SerializeToString())
    back = decode(read, "it", array.dtype, array.shape, finite=False)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


def refused_or_right(tensor, dtype, shape):
    try:
        array = decode(tensor, "it", dtype, shape)
    except RefusedError as error:
        refusal = str(error)
    else:
        right(array, dtype, shape)
        return
    assert refusal.startswith("it ")
    assert len(refusal) < 400


def right(array, dtype, shape):
    assert array.dtype == np.dtype(dtype)
    assert array.ndim == len(shape)
    assert all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    assert array.dtype.kind != "f" or np.isfinite(array).all()


def bytes_refused_or_right(raw):
    try:
        tensor = Tensor.FromString(raw)
    except DecodeError:
        return
    refused_or_right(tensor, np.float32, (None, None))


@QUICK
@given(ANY_ARRAY)
def test_arrays_come_back(array):
    there_and_back(array)


@QUICK
@given(ANY_TENSOR, st.sampled_from(sorted(DTYPES)), EXPECTED_SHAPE)
def test_other_messages_are_refused(tensor, dtype, shape):
    refused_or_right(tensor, dtype, shape)


@QUICK
@given(st.binary(max_size=200))
def test_raw_bytes_are_refused(raw):
    bytes_refused_or_right(raw)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(25_000)
@given(ANY_TENSOR, st.sampled_from(sorted(DTYPES)), EXPECTED_SHAPE)
def test_many_other_messages_are_refused(tensor, dtype, shape):
    refused_or_right(tensor, dtype, shape)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(70_000)
@given(st.binary(max_size=200))
def test_many_strings_of_raw_bytes_are_refused(raw):
    bytes_refused_or_right(raw)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(6_000)
@given(ANY_ARRAY)
def test_many_arrays_come_back(array):
    there_and_back(array)


def test_views_and_other_byte_orders_come_back():
    whole = np.arange(24, dtype=np.int64).reshape(4, 6)
    for array in (whole[::2, 1::2], whole.T, whole.astype(">i8")):
        np.testing.assert_array_equal(decode(encode(array), "it", np.int64, array.shape), array)
    assert encode(np.ones(1, np.float32)).data == b"\x00\x00\x80?"


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (Tensor(dtype="float64", shape=[2], data=bytes(16)), "must be float32; got 'float64'"),
        (Tensor(dtype="bfloat16", shape=[2], data=bytes(4)), "must be float32; got 'bfloat16'"),
        (Tensor(dtype="float32", shape=[1, 2], data=bytes(8)), r"shape \[2\]; got \[1, 2\]"),
        (Tensor(dtype="float32", shape=[3], data=bytes(12)), r"shape \[2\]; got \[3\]"),
        (Tensor(dtype="float32", shape=[2], data=bytes(7)), "takes 8 bytes; got 7"),
        (encode(np.array([1, np.nan], np.float32)), r"finite; got nan at \[1\]"),
        (encode(np.array([-np.inf, 1], np.float32)), r"finite; got -inf at \[0\]"),
    ],
)
def test_what_is_wrong_is_said(tensor, words):
    with pytest.raises(RefusedError, match=rf"q_taken .*{words}"):
        decode(tensor, "q_taken", np.float32, (2,))


def test_lengths_that_no_memory_holds_are_refused():
    huge = Tensor(dtype="float32", shape=[0, 2**63], data=b"")
    with pytest.raises(RefusedError, match="too large"):
        decode(huge, "it", np.float32, (None, None))


def test_a_bool_is_0_or_1():
    with pytest.raises(RefusedError, match="0 and 1 only; got 2"):
        decode(Tensor(dtype="bool", shape=[2], data=b"\x01\x02"), "it", np.bool_, (2,))


@pytest.mark.parametrize("dtype", [np.float16, np.int32, np.complex64, object, "U3"])
def test_other_types_cannot_be_sent(dtype):
    with pytest.raises(RefusedError, match="cannot be sent"):
        encode(np.zeros(2, dtype))
