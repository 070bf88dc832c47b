"""Flower's records as bytes, for the way between a Flower client process and its agent."""

from __future__ import annotations

from flwr.app import ConfigRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FedqmixError, RefusedError
from fedqmix.runtime.core.failures import failure_of


def packed(content: RecordDict) -> bytes:
    """Serialize records."""
    return bytes(recorddict_to_proto(content).SerializeToString())


def unpacked(data: bytes) -> RecordDict:
    """Read records back. Raises RefusedError when the bytes are none."""
    proto = ProtoRecordDict()
    try:
        proto.ParseFromString(data)
        return recorddict_from_proto(proto)
    except Exception as error:  # protobuf's DecodeError, or whatever Flower's records make of nonsense
        raise RefusedError(f"A message cannot be read as Flower's records: {error}") from None


def told(error: FedqmixError) -> RecordDict:
    """Return the reply that says why there is no answer (server.exchange reads it)."""
    return RecordDict({m.FAILURE: ConfigRecord(dict(vars(failure_of(error))))})
