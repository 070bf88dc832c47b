"""Processes that end with their parent, also when the parent is killed.

On Linux, the kernel sends SIGKILL to a process when the thread that started it has ended (prctl(2),
PR_SET_PDEATHSIG); the process cannot handle, block or delay this signal. On other systems, this module does nothing:
the parent must end its processes, or they must watch their parent.

This file is also a program that sets the parent-death signal and becomes another program:

    python parent_death.py PARENT PROGRAM ARGUMENTS...

It imports no module of fedqmix, so it starts quickly.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def ended_with_parent(command: Sequence[str]) -> list[str]:
    """Return a command that runs `command` and is killed when the calling thread has ended.

    On systems other than Linux, return the command itself. Call this function from the thread that starts the process,
    usually the main thread.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def hold(parent: int) -> None:
    """Set the parent-death signal of this process; exit at once when the parent has already ended.

    parent: the parent's process id, which the parent passes, as os.getppid() may name another process later.
    On systems other than Linux, the function only checks whether the parent has ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # remains set after exec
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
