"""Flower's SuperNode (flwr 1.41 and 1.42) without the waiting that its own program has built in.

Its main loop sleeps 3 s whenever there was no message, and half a second between two looks for a reply; every message
starts a Python process that imports Flower anew, 1.5 s of processor time. A round asks every agent one or two
questions, so this alone was most of a short round. Here the loop sleeps less, and the SuperExec that starts ClientApps
is `runtime.flower.quick_superexec`, which has imported everything already.

And a SuperNode that was killed is let in again at once: a SuperLink takes it for still there until two heartbeats of
30 s are overdue, and turns its successor away; so the successor first says that the one before has gone.

With certificates the SuperNode shows its own to the SuperLink, and its own port takes calls of its own processes only
(runtime/flower/closed_port.py); a flwr where that cannot be done is refused. Without certificates nothing else is
changed, and where a later flwr has none of these names, its own program runs as it is.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fedqmix.runtime.flower import programs
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.transport.authority import NODE_KEY
from fedqmix.runtime.transport.identity import Identity

SHORTER = {3: 0.3, 0.5: 0.05}
"""What flwr's SuperNode sleeps, and what it sleeps here; seconds."""
AGAIN_S = 0.5
"""Seconds between two tries to reach the SuperLink."""
NODE = "node-id"
"""The file that holds the node id this SuperNode had last."""


def run(arguments: Sequence[str], superlink: str, home: Path, certs: Path | None) -> None:
    """Be flower-supernode with these arguments, until it ends.

    superlink: its address. home: a folder of this SuperNode's own. certs: its certificate folder; None: insecure.
    """
    from fedqmix.runtime.flower import internals

    loop = internals.module("flwr.supernode.start_client_internal")
    program = internals.module("flwr.supernode.cli.flower_supernode")
    if certs is not None:
        identity = Identity(certs)
        _close(program, identity)
        note = home / NODE  # without certificates every start is a new node

        def leave() -> None:
            if note.exists():
                _leave(superlink, identity, int(note.read_text()))

        internals.replace(loop, _init_connection=_noting(internals.name(loop, "_init_connection"), leave, note))
    loop.time = SimpleNamespace(**vars(time) | {"sleep": _sleep})
    loop.subprocess = programs.stand_in()
    sys.argv = ["flower-supernode", *arguments]
    try:
        program.flower_supernode()
    except Exception:
        traceback.print_exc()
        os._exit(1)  # the thread that serves its port would keep alive a SuperNode that asks for nothing any more


def _close(program: Any, identity: Identity) -> None:
    """Show this SuperNode's certificate, and ask for it at its own port."""
    from fedqmix.runtime.flower import internals, own_certificate
    from fedqmix.runtime.flower.access import supernode_access
    from fedqmix.runtime.flower.closed_port import close

    internals.require_tested()
    own_certificate.show(identity)
    close(program, identity, supernode_access(identity.party))


def _sleep(seconds: float) -> None:
    time.sleep(SHORTER.get(seconds, seconds))


def _noting(connect: Callable[..., Any], leave: Callable[[], None], note: Path) -> Callable[..., Any]:
    """Let the node before leave, and write down the node id that a connection begins with."""

    @contextmanager
    def connected(*arguments: Any, **options: Any) -> Iterator[Any]:
        leave()
        with connect(*arguments, **options) as connection:
            write_whole(note, str(connection[0]).encode())
            yield connection

    return connected


def _leave(superlink: str, identity: Identity, node: int) -> None:
    """Tell the SuperLink that a node has gone, as soon as it can be reached.

    One that was switched off together with its SuperNodes takes them for still there, as any other.
    """
    import httpx
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key
    from flwr.proto.fleet_pb2 import DeactivateNodeRequest
    from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
    from flwr.supernode.fleet_http_client import FleetHttpClient
    from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

    key: Any = load_ssh_private_key((identity.folder / NODE_KEY).read_bytes(), None)
    interceptors: list[Any] = [
        RuntimeVersionHttpInterceptor(component_name="SuperNode"),
        NodeAuthHttpInterceptor(key, key.public_key()),
    ]
    log = logging.getLogger(__name__)
    with FleetHttpClient(f"https://{superlink}", interceptors=interceptors) as link:
        while True:
            try:
                link.DeactivateNode(DeactivateNodeRequest(node_id=node))
            except httpx.TransportError as error:
                if "ssl" not in str(error).lower():
                    log.debug("the SuperLink cannot be reached: %s", error)
                    time.sleep(AGAIN_S)
                    continue
                log.info("the SuperLink is not trusted: %s", error)  # Flower says the same, and ends
            except Exception as error:  # whatever Flower's client raises: being late is better than not starting
                log.info("the SuperLink was not told that node %d has gone: %s", node, error)
            return
