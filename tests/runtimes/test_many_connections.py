"""A service of a federation, as its command starts it, while a stranger holds more connections than files are usual."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tagged import eventually

from coupling.identity import Identity
from coupling.security import channel
from runtimes.deployment.temporary_certs import make_certificates
from runtimes.processes import free_ports, serving

ROOT = Path(__file__).parents[2]
USUAL = 256
"""Open files that the process is started with; it may raise them."""


def test_strangers_connections_do_not_use_up_the_open_files(tmp_path: Path) -> None:
    make_certificates(tmp_path, 1)
    (port,) = free_ports(1)
    words = ["world", "mixer=127.0.0.1:1", f"listen=127.0.0.1:{port}", f"certs={tmp_path / 'world'}"]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    world = subprocess.Popen(
        ["bash", "-c", f'ulimit -S -n {USUAL}; exec "$@"', "-", sys.executable, "-m", "runtimes", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )

    def healthy() -> bool:
        with channel(Identity(tmp_path / "agent-0"), f"127.0.0.1:{port}", "world") as connection:
            return serving(connection)

    try:
        assert eventually(healthy, 60)
        with ExitStack() as stack:
            for _ in range(2 * USUAL):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            assert healthy()
    finally:
        world.kill()
        world.wait()
    assert hard > 3 * USUAL
