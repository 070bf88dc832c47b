"""What crosses the wire, counted where it arrives: bytes by round, party and channel."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class LedgerLine:
    """Bytes of serialized messages (without gRPC's and TLS's own).

    party: "agent-2", or "world" for what the world tells the mixer. channel: "world", "mixer" or "sink".
    bytes_in: received by the service. What was sent twice is counted twice.
    """

    round: int
    party: str
    channel: str
    bytes_in: int
    bytes_out: int


class Ledger:
    """The bytes of one run, since this process knows it."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._open("")

    def _open(self, run: str) -> None:
        self._run = run
        self._counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, run: str, round: int, party: str, bytes_in: int, bytes_out: int) -> None:
        """Count a request and its reply; the counts of another run are forgotten."""
        with self._lock:
            if run != self._run:
                self._open(run)
            counts = self._counts[round, party]
            counts[0] += bytes_in
            counts[1] += bytes_out

    def lines(self, run: str) -> list[LedgerLine]:
        """Return the run's lines by round and party; none for a run that is not the newest."""
        with self._lock:
            counts = sorted(self._counts.items()) if run == self._run else []
        return [LedgerLine(round, party, self._channel, *both) for (round, party), both in counts]
