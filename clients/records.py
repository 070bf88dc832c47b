"""Serialization of Flower's records between a Flower client process and its agent."""

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
    """Parse records. Raises RefusedError when the bytes are not valid records."""
    proto = ProtoRecordDict()
    try:
        proto.ParseFromString(data)
        return recorddict_from_proto(proto)
    except Exception as error:  # protobuf's DecodeError, or any error of Flower's records on invalid content
        raise RefusedError(f"A message cannot be read as Flower's records: {error}") from None


def failure_record(error: FedqmixError) -> RecordDict:
    """Return the reply that reports an error in place of an answer (server.exchange reads it)."""
    return RecordDict({m.FAILURE: ConfigRecord(dict(vars(failure_of(error))))})
