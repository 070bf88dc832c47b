"""The division of the machine's cores among runs side by side."""

from __future__ import annotations

import os


def cores() -> int:
    """Return the number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # respects taskset and containers; missing on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(runs: int, threads: int) -> int:
    """Return how many of the runs fit the cores, at least 1. threads: threads of each run."""
    return max(1, min(runs, cores() // threads))


def shared_out(runs: int) -> int:
    """Return the threads of each run, so that runs side by side leave no core idle."""
    return cores() // side_by_side(runs, 1)
