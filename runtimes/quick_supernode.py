"""Flower's SuperNode (flwr 1.41) without the waiting that its own program has built in.

Its main loop sleeps 3 s whenever there was no message, and half a second between two looks for a reply; every message
starts a Python process that imports Flower anew, 1.5 s of processor time. A round asks every agent one or two
questions, so this alone was most of a short round. Here the loop sleeps less, and the SuperExec that starts ClientApps
is `runtimes.quick_superexec`, which has imported everything already.

Nothing else is changed; where a later flwr has none of these names, its own program runs as it is
(tests/runtimes/test_quick_supernode.py names the version).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

SHORTER = {3: 0.3, 0.5: 0.05}
"""What flwr's SuperNode sleeps, and what it sleeps here; seconds."""
SUPEREXEC = "flower-superexec"


def run(arguments: Sequence[str]) -> None:
    """Be flower-supernode with these arguments, until it ends."""
    from flwr.supernode import start_client_internal
    from flwr.supernode.cli.flower_supernode import flower_supernode

    loop: Any = start_client_internal
    loop.time = SimpleNamespace(**vars(time) | {"sleep": _sleep})
    loop.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": _start})
    sys.argv = ["flower-supernode", *arguments]
    flower_supernode()


def _sleep(seconds: float) -> None:
    time.sleep(SHORTER.get(seconds, seconds))


def _start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program; the SuperExec as the one that is quick."""
    words = list(command)
    if words[0] == SUPEREXEC:
        words[:1] = [sys.executable, "-m", "runtimes.quick_superexec"]
    return subprocess.Popen(words, **options)
