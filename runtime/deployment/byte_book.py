"""A federated run's traffic in RUN/ledger.json: bytes by round, party and channel."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table

from fedqmix.runtime.core.errors import CheckpointError, StorageError
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.storage.untrusted import ADVICE, has_control_characters, is_there, read_json
from fedqmix.runtime.transport.ledger import LedgerLine

LEDGER = "ledger.json"
LARGEST = 64 * 2**20
"""Bytes of a ledger at most; a line takes a hundred."""
CHANNELS = {
    "flower": "parameters and metrics, to and from the server",
    "world": "observations, masks and actions, to and from the world",
    "mixer": "chosen Q-values and their gradients, to and from the mixer",
    "sink": "states and team rewards, from the world to the mixer",
}
"""Channel -> a description of its traffic."""


class ByteBook:
    """The services' byte counts, saved because a restarted service counts from zero."""

    def __init__(self, folder: Path) -> None:
        """Load the run folder's ledger."""
        self._path = folder / LEDGER
        self._lines = {_key(line): line for line in read_ledger(folder)}

    def take(self, lines: Iterable[LedgerLine]) -> None:
        """Add the newest counts and save the file; after a service's restart no count falls.

        Raises StorageError when the file cannot be written.
        """
        for line in lines:
            known = self._lines.get(_key(line), line)
            self._lines[_key(line)] = LedgerLine(
                line.round,
                line.party,
                line.channel,
                max(line.bytes_in, known.bytes_in),
                max(line.bytes_out, known.bytes_out),
            )
        rows = [vars(self._lines[key]) for key in sorted(self._lines)]
        try:
            write_whole(self._path, (json.dumps(rows, indent=0) + "\n").encode())
        except OSError as error:
            raise StorageError(f"the server could not write {self._path}: {error.strerror}.") from error

    def totals(self) -> dict[str, int]:
        """Return the bytes in both directions by channel, over the whole run."""
        sums = dict.fromkeys(CHANNELS, 0)
        for line in self._lines.values():
            sums[line.channel] = sums.get(line.channel, 0) + line.bytes_in + line.bytes_out
        return sums


def read_ledger(folder: Path) -> list[LedgerLine]:
    """Return the lines of a run folder's ledger; none when it has no ledger.

    Raises CheckpointError when it is damaged.
    """
    path = folder / LEDGER
    if not is_there(path):
        return []
    lines = read_json(path, LARGEST)
    if not isinstance(lines, list):
        raise CheckpointError(f"{path} is damaged: a JSON list is needed. {ADVICE}")
    return [_line(path, line) for line in lines]


def _line(path: Path, values: Any) -> LedgerLine:
    """Return a line of a ledger. Raises CheckpointError unless every field has its type."""
    counts, words = ("round", "bytes_in", "bytes_out"), ("party", "channel")
    whole = isinstance(values, dict) and set(values) == {*counts, *words}
    whole = whole and all(type(values[name]) is int and values[name] >= 0 for name in counts)
    if not whole or any(type(values[name]) is not str or has_control_characters(values[name]) for name in words):
        raise CheckpointError(f"{path} is damaged: {str(values)[:80]!r} is not a line of a ledger. {ADVICE}")
    return LedgerLine(**values)


def ledger_table(lines: Iterable[LedgerLine]) -> Table:
    """Return a table of megabytes by party and channel; "up" is sent by the party."""
    lines = list(lines)
    rounds = len({line.round for line in lines if line.round})
    table = Table(title=f"sent in {rounds} rounds (MB)")
    for heading in ("party", "channel", "up", "down", "what"):
        table.add_column(heading, justify="right" if heading in ("up", "down") else "left")
    sums: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        total = sums.setdefault((line.party, line.channel), [0, 0])
        total[0] += line.bytes_in
        total[1] += line.bytes_out
    for (party, channel), (up, down) in sorted(sums.items()):
        table.add_row(party, channel, f"{up / 1e6:.3f}", f"{down / 1e6:.3f}", CHANNELS.get(channel, ""))
    return table


def _key(line: LedgerLine) -> tuple[int, str, str]:
    return line.round, line.party, line.channel
