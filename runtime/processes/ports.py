"""Free TCP ports."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return distinct ports that nobody listened on a moment ago, as the kernel hands them out for port 0.

    All are held until the last is found, so that none is handed out twice. Somebody else may still take one before it
    is used: who listens on it then fails, and is started again with another one.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
