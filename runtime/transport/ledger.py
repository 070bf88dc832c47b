"""The ledger of bytes on the wire, by round, party and channel; the receiving service counts them."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class LedgerLine:
    """The bytes of serialized messages, without the overhead of gRPC and TLS.

    party: "agent-2", or "world" for messages from world to mixer. channel: "world", "mixer" or "sink".
    bytes_in: received by the service. A repeated message counts twice.
    """

    round: int
    party: str
    channel: str
    bytes_in: int
    bytes_out: int


class Ledger:
    """The bytes of one run, counted since this process first saw the run."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._open("")

    def _open(self, run: str) -> None:
        self._run = run
        self._counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, run: str, round: int, party: str, bytes_in: int, bytes_out: int) -> None:
        """Count a request and its reply; counts of a previous run are cleared."""
        with self._lock:
            if run != self._run:
                self._open(run)
            counts = self._counts[round, party]
            counts[0] += bytes_in
            counts[1] += bytes_out

    def lines(self, run: str) -> list[LedgerLine]:
        """Return the run's lines by round and party; empty for a run other than the newest."""
        with self._lock:
            counts = sorted(self._counts.items()) if run == self._run else []
        return [LedgerLine(round, party, self._channel, *both) for (round, party), both in counts]
