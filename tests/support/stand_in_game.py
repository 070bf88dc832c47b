"""A stand-in for StarCraft II: pysc2 launches it, and it speaks the game's protocol, with skirmish's rules inside.

Faults on purpose are ordered through the environment: see stand_in_faults.py.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from s2clientprotocol import sc2api_pb2
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from support.stand_in_faults import Faults

if TYPE_CHECKING:
    from support.stand_in_protocol import Game

PATH = "/sc2api"
LONELY = 600  # seconds without a client after which it ends (SIGALRM); the game itself would live on


class OneAtATime:
    """Talks to one client after another; a second one at the same time is turned away."""

    def __init__(self) -> None:
        self.game: Game | None = None  # there before anybody is answered
        self._taken = threading.Lock()

    def __call__(self, client: ServerConnection) -> None:
        """Answer a client's requests until it goes away. pysc2 sends them in text frames."""
        if not self._taken.acquire(blocking=False):
            return
        signal.alarm(0)
        try:
            while self.game.status != sc2api_pb2.quit:
                request = sc2api_pb2.Request.FromString(client.recv(decode=False))
                client.send(self.game.answer(request).SerializeToString())
        except ConnectionClosed:
            pass  # pysc2 does not wait for the answer when it asks the game to quit
        finally:
            signal.alarm(LONELY)
            self._taken.release()
        if self.game.status == sc2api_pb2.quit:
            os._exit(0)


def only_the_game(client: ServerConnection, request: Any) -> Any:
    """Answer 404 for any path but the game's."""
    return None if request.path == PATH else client.respond(HTTPStatus.NOT_FOUND, f"the game is at {PATH}\n")


def main() -> None:
    """Listen where pysc2 says. What is slow to import is imported when clients can already connect."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.alarm(LONELY)
    faults = Faults(os.environ)
    faults.at_start()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-listen", default="127.0.0.1")
    parser.add_argument("-port", type=int, required=True)
    where, _ = parser.parse_known_args()
    settings: dict[str, Any] = {"process_request": only_the_game, "compression": None, "max_size": None}
    settings["ping_interval"] = None  # a client that computes for a while is not gone
    answering = OneAtATime()
    with serve(answering, where.listen, where.port, **settings) as server:
        from support.stand_in_protocol import Game

        answering.game = Game(faults)
        server.serve_forever()


if __name__ == "__main__":
    main()
