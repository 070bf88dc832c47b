"""Free TCP ports."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return distinct free ports, which the kernel assigns for port 0.

    All are bound until the last is found, so that none is returned twice. Another program may still bind one before
    it is used; the service that should listen on it then fails, and is restarted with another port.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
