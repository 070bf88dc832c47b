"""Flower's SuperLink (flwr 1.41), whose SuperExec and ServerApps end with it.

Its own program starts both detached, and lets them look every fifth of a second whether their parent is there; then
they ask themselves to end by a signal that waits for their main thread, and say farewell to a SuperLink that is gone.
So a ServerApp went on for half a minute, and held its run folder. Here the system ends them (contracts.leash).
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from runtimes.flower.quick_supernode import start


def run(arguments: Sequence[str]) -> None:
    """Be flower-superlink with these arguments, until it ends."""
    program: Any = importlib.import_module("flwr.superlink.cli.flower_superlink")
    program.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": start})
    sys.argv = ["flower-superlink", *arguments]
    program.flower_superlink()
