"""How the machine's cores are shared out among runs side by side."""

from __future__ import annotations

import os


def cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # what taskset or a container leaves us; macOS does not tell
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(runs: int, threads: int) -> int:
    """Return how many runs of so many threads each fit the cores; at least 1."""
    return max(1, min(runs, cores() // threads))


def shared_out(runs: int) -> int:
    """Return how many threads each run gets, so that no core is idle while as many as fit run side by side."""
    return cores() // side_by_side(runs, 1)
