"""A process that logs three rows to wandb; it prints how many internet addresses Python wanted meanwhile.

Arguments: run folder, run id, wandb_mode. In the end it wants one on purpose, so that the test knows it would have
been seen.
"""

import contextlib
import sys
import urllib.request
from pathlib import Path

wanted: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note look-ups and connections; sockets between processes of this machine (AF_UNIX) have no address tuple."""
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        wanted.append(f"{event} {arguments[:2]}")


def log(folder: str, run_id: str, mode: str) -> None:
    """Log three rows as a run does."""
    from fedqmix.server.records import make_loggers
    from support.played import config, rows

    loggers = make_loggers(config("logger=wandb", f"logger.wandb_mode={mode}"), Path(folder), run_id)
    for row in rows(3):
        loggers.log(row)
    loggers.close()


sys.addaudithook(watch)
log(*sys.argv[1:])
print("wanted", len(wanted), *wanted)
with contextlib.suppress(OSError):
    urllib.request.urlopen("http://example.invalid/", timeout=5)
print("then wanted", len(wanted))
