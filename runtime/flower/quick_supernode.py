"""Flower's SuperNode (flwr 1.41 and 1.42) with shorter waits.

Flower's main loop sleeps 3 s whenever there was no message, and 0.5 s between two checks for a reply. For every
message it starts a Python process that imports Flower again, which takes 1.5 s of processor time. A round sends every
agent one or two messages, so these waits were most of a short round. Here the pauses for messages begin short and grow
(runtime.core.pauses), those for replies are short, and ClientApps are started by `runtime.flower.quick_superexec`,
which has imported all modules. The SuperExec's polls wait in the SuperNode (runtime.flower.held_polls).

A SuperNode that was killed can reconnect at once. A SuperLink considers it active until two heartbeats of 30 s are
overdue, and refuses its successor; the successor therefore first deactivates the previous node.

With certificates the SuperNode shows its own to the SuperLink, and its port accepts calls of its own processes only
(runtime/flower/closed_port.py); a version of flwr without the replaced names is refused. Without certificates only
the waits are changed, and polls held; a version of flwr without these names runs unchanged.
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

from fedqmix.runtime.core.pauses import GrowingPause
from fedqmix.runtime.flower import programs
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.transport.authority import NODE_KEY
from fedqmix.runtime.transport.identity import Identity

FOR_A_MESSAGE, FOR_A_REPLY = 3, 0.5
"""Seconds that flwr's SuperNode sleeps while it waits for a message of the SuperLink, and for its ClientApp's reply."""
LOOK_S = 0.05
"""Seconds between two checks for a reply here, in the SuperNode's own memory."""
AGAIN_S = 0.5
"""Seconds between two attempts to reach the SuperLink."""
NODE = "node-id"
"""The file with the last node id of this SuperNode."""


def run(arguments: Sequence[str], superlink: str, home: Path, certs: Path | None) -> None:
    """Run flower-supernode with these arguments until it ends.

    superlink: the SuperLink's address. home: this SuperNode's own folder. certs: its certificate folder; None:
    insecure.
    """
    from fedqmix.runtime.flower import internals
    from fedqmix.runtime.flower.held_polls import SUPERNODE_POLLS, HeldPolls

    loop = internals.module("flwr.supernode.start_client_internal")
    program = internals.module("flwr.supernode.cli.flower_supernode")
    held = HeldPolls(SUPERNODE_POLLS)
    if certs is not None:
        identity = Identity(certs)
        _close(program, identity, held)
        note = home / NODE  # without certificates every start registers a new node

        def leave() -> None:
            if note.exists():
                _leave(superlink, identity, int(note.read_text()))

        internals.replace(loop, _init_connection=_noting(internals.name(loop, "_init_connection"), leave, note))
    elif hasattr(program, "uvicorn"):
        program.uvicorn = held.stand_in()
    _shorten(loop, held.announce)
    loop.subprocess = programs.stand_in()
    sys.argv = ["flower-supernode", *arguments]
    try:
        program.flower_supernode()
    except Exception:
        traceback.print_exc()
        os._exit(1)  # otherwise the thread of its port would keep a SuperNode alive that no longer pulls messages


def _close(program: Any, identity: Identity, held: Any) -> None:
    """Show this SuperNode's certificate, and require it at its own port."""
    from fedqmix.runtime.flower import internals, own_certificate
    from fedqmix.runtime.flower.access import supernode_access
    from fedqmix.runtime.flower.closed_port import close

    internals.require_tested()
    own_certificate.show(identity)
    close(program, identity, supernode_access(identity.party), held.around)


def _shorten(loop: Any, message_came: Callable[[], None]) -> None:
    """Shorten the pauses of the main loop. loop: the module flwr.supernode.start_client_internal."""
    messages = GrowingPause()

    def sleep(seconds: float) -> None:
        if seconds == FOR_A_MESSAGE:
            messages.pause()
        else:
            time.sleep(LOOK_S if seconds == FOR_A_REPLY else seconds)

    def push(*arguments: Any, **options: Any) -> None:
        message_came()
        push_messages(*arguments, **options)
        messages.restart()

    if not hasattr(loop, "_push_messages"):  # another version of flwr, without certificates
        return
    push_messages = loop._push_messages
    loop._push_messages = push
    loop.time = SimpleNamespace(**vars(time) | {"sleep": sleep})


def _noting(connect: Callable[..., Any], leave: Callable[[], None], note: Path) -> Callable[..., Any]:
    """Return a `connect` that deactivates the previous node and saves the new node id."""

    @contextmanager
    def connected(*arguments: Any, **options: Any) -> Iterator[Any]:
        leave()
        with connect(*arguments, **options) as connection:
            write_whole(note, str(connection[0]).encode())
            yield connection

    return connected


def _leave(superlink: str, identity: Identity, node: int) -> None:
    """Deactivate a node at the SuperLink; wait until the SuperLink can be reached.

    A SuperLink that was stopped together with its SuperNodes still considers them active.
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
                log.info("the SuperLink is not trusted: %s", error)  # Flower reports the same, and ends
            except Exception as error:  # any error of Flower's client: a late start is better than none
                log.info("node %d could not be deactivated at the SuperLink: %s", node, error)
            return
