"""Flower's records as bytes, and the records of a message as a single one.

Flower sends every record and every array of a message separately: each takes several calls and database statements, on
the way to the SuperLink and on the way from it. A message of ours therefore holds one record with two entries of bytes.
It is sent whole: Flower does not divide it into pieces, as it divides large arrays.
"""

from __future__ import annotations

from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.bundle import bundle, unbundle

CLOSED = "closed"
"""The name of the single record, which has the entries RECORDS and perhaps m.ARRAYS."""
RECORDS = "records"


def packed(content: RecordDict) -> bytes:
    """Serialize records."""
    return bytes(recorddict_to_proto(content).SerializeToString())


def unpacked(data: bytes) -> RecordDict:
    """Parse records. Raises RefusedError when the bytes are not valid records."""
    proto = ProtoRecordDict()
    try:
        proto.ParseFromString(data)
        return recorddict_from_proto(proto)
    except Exception as error:  # protobuf's DecodeError, or any error of Flower's records on invalid content
        raise RefusedError(f"A message cannot be read as Flower's records: {error}") from None


def closed(content: RecordDict) -> RecordDict:
    """Return a message's records as a single record, to be sent."""
    arrays = content.array_records.get(m.ARRAYS)
    entries = {RECORDS: packed(RecordDict({name: record for name, record in content.items() if record is not arrays}))}
    if arrays is not None:
        entries[m.ARRAYS] = bundle({name: array.numpy() for name, array in arrays.items()})
    return RecordDict({CLOSED: ConfigRecord(dict(entries))})


def opened(content: RecordDict) -> RecordDict:
    """Return a message's records by name; records that were not closed are returned unchanged.

    Raises RefusedError when the records or arrays cannot be read.
    """
    if not _is_closed(content):
        return content
    entries = content.config_records[CLOSED]
    records = unpacked(_bytes(entries, RECORDS))
    if m.ARRAYS in entries:
        if m.ARRAYS in records:
            raise RefusedError(f"A message has two records of the name {m.ARRAYS!r}.")
        named = unbundle(_bytes(entries, m.ARRAYS))
        records[m.ARRAYS] = ArrayRecord({name: Array(value) for name, value in named.items()})
    return records


def plan_of(content: RecordDict) -> ConfigRecord:
    """Return the plan in a message's records, closed or not, without reading its arrays.

    Raises RefusedError when it cannot be read.
    """
    records = unpacked(_bytes(content.config_records[CLOSED], RECORDS)) if _is_closed(content) else content
    if m.PLAN not in records.config_records:
        raise RefusedError("A message has no plan.")
    return records.config_records[m.PLAN]


def _is_closed(content: RecordDict) -> bool:
    return list(content) == [CLOSED] and CLOSED in content.config_records


def _bytes(entries: ConfigRecord, name: str) -> bytes:
    value = entries.get(name)
    if not isinstance(value, bytes):
        raise RefusedError(f"A message's entry {name!r} is not bytes but {type(value).__name__}.")
    return value
