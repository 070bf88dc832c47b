"""The reply of a Flower client process that reports an error."""

from __future__ import annotations

from flwr.app import ConfigRecord, RecordDict

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FedqmixError
from fedqmix.runtime.core.failures import failure_of


def failure_record(error: FedqmixError) -> RecordDict:
    """Return the reply that reports an error in place of an answer (server.exchange reads it)."""
    return RecordDict({m.FAILURE: ConfigRecord(dict(vars(failure_of(error))))})
