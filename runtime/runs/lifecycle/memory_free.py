"""Free memory for this process and its children, within the machine and its container."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

GROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_SECOND = ("memory.max", "memory.current", "inactive_file")
_FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
"""Files and keys with limit, usage and cached files of a control group, in versions 2 and 1."""


def free_memory(*, swap: bool = False, groups: Path = GROUPS, mounted: Path = MOUNTED) -> int:
    """Return the free bytes: the least of the machine and of this process's control groups.

    A container's limit is a control group's limit; the machine's own figures do not include it. swap: whether free swap
    counts. groups: file with the process's control groups. mounted: folder of the groups' files.
    """
    machine = int(psutil.virtual_memory().available) + (int(psutil.swap_memory().free) if swap else 0)
    return min([machine, *_rooms(groups, mounted)])


def _rooms(groups: Path, mounted: Path) -> list[int]:
    """Return the free bytes of each control group with a limit, enclosing groups included."""
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
        own = top / name.lstrip("/")  # missing in a container, which sees its own group as the root
        around = [one for one in (own, *own.parents) if one.is_relative_to(top)]
        found += [room for one in around if (room := _room(one, *files)) is not None]
    return found


def _room(group: Path, limit: str, used: str, cached: str) -> int | None:
    """Return the free bytes of a control group; None without a limit or readable files."""
    try:
        most = (group / limit).read_text(encoding="utf-8").strip()
        taken = int((group / used).read_text(encoding="utf-8"))
        files = re.search(rf"^{cached} (\d+)$", (group / "memory.stat").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    if not most.isdecimal():  # "max"
        return None
    return max(0, int(most) - taken + (int(files[1]) if files else 0))
