"""How much memory this process and those it starts may still take: the machine's, or its container's."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

GROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_SECOND = ("memory.max", "memory.current", "inactive_file")
_FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
"""Where control groups of version 2 and 1 say their limit, what is used, and which part of it is cached files."""


def free_memory(*, swap: bool = False, groups: Path = GROUPS, mounted: Path = MOUNTED) -> int:
    """Return the bytes that can be taken: the least of the machine's room and of that of its control groups.

    A container's limit is a control group's, which the machine's own figures say nothing of. swap: whether the machine
    may swap. groups: the process's control groups. mounted: where their files are.
    """
    machine = int(psutil.virtual_memory().available) + (int(psutil.swap_memory().free) if swap else 0)
    return min([machine, *_rooms(groups, mounted)])


def _rooms(groups: Path, mounted: Path) -> list[int]:
    """Return the room that each control group with a limit leaves, those around the process's own included."""
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return []
    found = []
    for line in lines:
        _, kinds, name = line.split(":", 2)
        if not kinds:
            top, files = mounted, _SECOND
        elif "memory" in kinds.split(","):
            top, files = mounted / "memory", _FIRST
        else:
            continue
        own = top / name.lstrip("/")  # not there in a container, which sees its own group as the root
        around = [one for one in (own, *own.parents) if one.is_relative_to(top)]
        found += [room for one in around if (room := _room(one, *files)) is not None]
    return found


def _room(group: Path, limit: str, used: str, cached: str) -> int | None:
    """Return the bytes that a control group leaves; None where it has no limit, or does not say."""
    try:
        most = (group / limit).read_text(encoding="utf-8").strip()
        taken = int((group / used).read_text(encoding="utf-8"))
        files = re.search(rf"^{cached} (\d+)$", (group / "memory.stat").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    if not most.isdecimal():  # "max"
        return None
    return max(0, int(most) - taken + (int(files[1]) if files else 0))
