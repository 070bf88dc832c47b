"""Processes that end with the one that started them, however it ends, kill -9 included.

On Linux the system kills them: the kernel sends SIGKILL when the thread that started a process has ended (prctl(2),
PR_SET_PDEATHSIG), which nothing in the process can handle, block or delay. Elsewhere nothing happens here, and whoever
starts processes must end them or let them look after their parent.

This file is also a program that becomes another one, on a leash:

    python leash.py PARENT PROGRAM ARGUMENTS...

It imports nothing of ours, so that it starts at once.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def ended_with_parent(command: Sequence[str]) -> list[str]:
    """Return a command that runs `command`, to be killed when the calling thread has ended. Elsewhere than on Linux,
    return the command itself.

    Call it from the thread that starts the process: usually the main thread.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def hold(parent: int) -> None:
    """Let this process be killed when its parent ends; exit at once when the parent has ended already.

    parent: its process id, taken by the parent before this process was started: after that, os.getppid() may name
    another. Elsewhere than on Linux only the second holds.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # holds beyond exec
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
