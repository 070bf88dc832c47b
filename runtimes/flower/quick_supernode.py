"""Flower's SuperNode (flwr 1.41 and 1.42) without the waiting that its own program has built in.

Its main loop sleeps 3 s whenever there was no message, and half a second between two looks for a reply; every message
starts a Python process that imports Flower anew, 1.5 s of processor time. A round asks every agent one or two
questions, so this alone was most of a short round. Here the loop sleeps less, and the SuperExec that starts ClientApps
is `runtimes.flower.quick_superexec`, which has imported everything already.

And a SuperNode that was killed is let in again at once: a SuperLink takes it for still there until two heartbeats of
30 s are overdue, and turns its successor away; so the successor first says that the one before has gone.

Nothing else is changed; where a later flwr has none of these names, its own program runs as it is
(tests/runtimes/test_quick_supernode.py names the version).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from coupling.authority import NODE_KEY
from storage.files import write_whole

SHORTER = {3: 0.3, 0.5: 0.05}
"""What flwr's SuperNode sleeps, and what it sleeps here; seconds."""
SUPEREXEC = "flower-superexec"
NODE = "node-id"
"""The file that holds the node id this SuperNode had last."""


def run(arguments: Sequence[str], superlink: str, home: Path, certs: Path | None) -> None:
    """Be flower-supernode with these arguments, until it ends.

    superlink: its address. home: a folder of this SuperNode's own. certs: its certificate folder; None: insecure.
    """
    from flwr.supernode import start_client_internal
    from flwr.supernode.cli.flower_supernode import flower_supernode

    loop: Any = start_client_internal
    if certs is not None:  # without certificates every start is a new node
        note = home / NODE
        if note.exists():
            _leave(superlink, certs, int(note.read_text()))
        loop._init_connection = _noting(loop._init_connection, note)
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
        words[:1] = [sys.executable, "-m", "runtimes.flower.quick_superexec"]
    return subprocess.Popen(words, **options)


def _noting(connect: Callable[..., Any], note: Path) -> Callable[..., Any]:
    """Write down the node id that a connection begins with."""

    @contextmanager
    def connected(*arguments: Any, **options: Any) -> Iterator[Any]:
        with connect(*arguments, **options) as connection:
            write_whole(note, str(connection[0]).encode())
            yield connection

    return connected


def _leave(superlink: str, certs: Path, node: int) -> None:
    """Tell the SuperLink that a node has gone; if that fails, it will find out by itself."""
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key
    from flwr.proto.fleet_pb2 import DeactivateNodeRequest
    from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
    from flwr.supernode.fleet_http_client import FleetHttpClient
    from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

    key: Any = load_ssh_private_key((certs / NODE_KEY).read_bytes(), None)
    interceptors: list[Any] = [
        RuntimeVersionHttpInterceptor(component_name="SuperNode"),
        NodeAuthHttpInterceptor(key, key.public_key()),
    ]
    authority = (certs / "ca.crt").read_bytes()
    try:
        with FleetHttpClient.from_server_address(superlink, False, authority, interceptors=interceptors) as link:
            link.DeactivateNode(DeactivateNodeRequest(node_id=node))
    except Exception as error:  # whatever Flower's client raises: being late is better than not starting
        logging.getLogger(__name__).info("the SuperLink was not told that node %d has gone: %s", node, error)
