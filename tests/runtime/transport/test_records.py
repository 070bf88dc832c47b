"""A message's records as a single one."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.records import CLOSED, RECORDS, closed, opened, packed, plan_of

PLAN = {m.ROUND: 3, m.PURPOSES: ["evaluation", "fixed"], m.TIE_GRADIENTS: True, m.PROXIMAL_MU: 0.5}
VALUES = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(0, np.int64)}


def content() -> RecordDict:
    arrays = ArrayRecord({name: Array(value) for name, value in VALUES.items()})
    return RecordDict({m.ARRAYS: arrays, m.PLAN: ConfigRecord(dict(PLAN)), m.METRICS: MetricRecord({"x": [1.5, 2.0]})})


def test_records_come_back_as_they_were():
    again = opened(closed(content()))
    assert again.config_records[m.PLAN] == PLAN
    assert again.metric_records[m.METRICS] == {"x": [1.5, 2.0]}
    arrays = again.array_records[m.ARRAYS]
    assert list(arrays) == ["b", "a"]
    for name, value in VALUES.items():
        assert arrays[name].numpy().dtype == value.dtype
        assert np.array_equal(arrays[name].numpy(), value)


def test_no_arrays_and_no_array_record_are_different():
    assert m.ARRAYS not in opened(closed(RecordDict({m.PLAN: ConfigRecord(dict(PLAN))})))
    assert list(opened(closed(RecordDict({m.ARRAYS: ArrayRecord()}))).array_records[m.ARRAYS]) == []


def test_the_records_are_two_of_flowers_objects():
    """Flower sends each object by itself: the records and the single one in them, however many arrays there are."""
    assert len(get_all_nested_objects(closed(content()))) == 2
    assert len(get_all_nested_objects(content())) == 8


def test_the_plan_is_read_without_the_arrays():
    whole = closed(content())
    whole.config_records[CLOSED][m.ARRAYS] = b"no safetensors"
    assert plan_of(whole) == plan_of(content()) == PLAN
    with pytest.raises(RefusedError, match="no plan"):
        plan_of(closed(RecordDict({m.METRICS: MetricRecord({"x": 1})})))


def test_no_record_is_lost_and_none_comes_twice():
    """A record of the arrays' name that holds no arrays."""
    odd = RecordDict({m.ARRAYS: MetricRecord({"x": 1}), m.PLAN: ConfigRecord(dict(PLAN))})
    assert opened(closed(odd)).metric_records[m.ARRAYS] == {"x": 1}
    twice = closed(odd)
    twice.config_records[CLOSED][m.ARRAYS] = closed(content()).config_records[CLOSED][m.ARRAYS]
    with pytest.raises(RefusedError, match="two records"):
        opened(twice)


def test_records_that_are_not_closed_stay_as_they_are():
    one = content()
    assert opened(one) is one


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {RECORDS: "text"},
        {RECORDS: b"\xff\xff\xff"},
        {RECORDS: packed(RecordDict()), m.ARRAYS: [1.0, 2.0]},
        {RECORDS: packed(RecordDict()), m.ARRAYS: b"no safetensors"},
    ],
    ids=["nothing", "text", "no records", "numbers for arrays", "no arrays"],
)
def test_records_that_cannot_be_read_are_refused(entries):
    with pytest.raises(RefusedError):
        opened(RecordDict({CLOSED: ConfigRecord(entries)}))
