"""A TCP proxy that delays what it carries, cuts connections, repeats them, and listens in."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time


class BadWire:
    """Listens on `port` and carries everything to `target` on loopback.

    delay_s: at most so long is each piece held back. cut_every: after about so many pieces a connection is cut, in
    the middle of a piece. double: everything a client sends on a connection is sent once more, on another one, after
    it was cut.
    """

    def __init__(self, target: int, delay_s: float = 0.0, cut_every: int = 0, double: bool = False) -> None:
        self.target, self.delay_s, self.cut_every, self.double = target, delay_s, cut_every, double
        self.cuts = self.doubled = 0
        self.said: list[bytearray] = []  # by the clients, one for each connection
        self.answered: list[bytearray] = []
        self._random = random.Random(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._closed = False
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection there is now."""
        for side in list(self._open):
            _cut(side)

    def _listen(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                continue
            self._open |= {near, far}
            pieces = self._random.randint(1, 2 * self.cut_every) if self.cut_every else 0
            self.said.append(bytearray())
            self.answered.append(bytearray())
            for one, other, heard in ((near, far, self.said[-1]), (far, near, self.answered[-1])):
                threading.Thread(target=self._carry, args=(one, other, pieces, heard, one is near), daemon=True).start()

    def _carry(
        self, one: socket.socket, other: socket.socket, pieces: int, heard: bytearray, from_client: bool
    ) -> None:
        carried = 0
        try:
            while piece := one.recv(65536):
                carried += 1
                if self.delay_s:
                    time.sleep(self._random.uniform(0, self.delay_s))
                heard += piece
                if carried == pieces:
                    other.sendall(piece[: len(piece) // 2])
                    self.cuts += 1
                    break
                other.sendall(piece)
        except OSError:
            pass
        _cut(one)
        _cut(other)
        self._open -= {one, other}
        if self.double and from_client and not self._closed:
            self._say_again(heard)

    def _say_again(self, heard: bytearray) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.target), timeout=5) as again:
                again.settimeout(0.3)
                self.doubled += 1
                again.sendall(heard)
                while again.recv(65536):
                    pass
        except OSError:
            pass


def _cut(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
