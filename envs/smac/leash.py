"""A program that becomes the game, to be killed by the system once its parent has died. Linux only.

    python leash.py PARENT GAME ARGUMENTS...

It imports nothing of ours, so that it starts at once.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # holds beyond exec
    if os.getppid() != int(sys.argv[1]):  # the parent died before that
        sys.exit(1)
    os.execv(sys.argv[2], sys.argv[2:])
