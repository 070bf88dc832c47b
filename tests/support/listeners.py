"""Processes that listen on a port, for a supervisor."""

import sys
from pathlib import Path

from fedqmix.runtime.processes import Service, answers, free_ports

LISTENER = """
import socket, subprocess, sys, time
if {stubborn}:
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if {parent}:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
server = socket.create_server(("127.0.0.1", {port}))
time.sleep(600)
"""


def code(port: int, *, stubborn: bool = False, parent: bool = False) -> str:
    """Return a program that listens on a port. stubborn: it ignores SIGTERM. parent: it starts a process of its own."""
    return LISTENER.format(port=port, stubborn=stubborn, parent=parent)


def listener(name: str, folder: Path, *, stubborn: bool = False, parent: bool = False) -> Service:
    """Return such a program as a service, on a free port; its log is in the folder."""
    (port,) = free_ports(1)
    words = [sys.executable, "-c", code(port, stubborn=stubborn, parent=parent)]
    return Service(name, words, folder / f"{name}.log", lambda: answers(f"127.0.0.1:{port}"))
