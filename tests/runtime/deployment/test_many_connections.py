"""A service of a federation, as its command starts it, while a stranger holds more connections than files are usual."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import free_ports, serving
from fedqmix.runtime.transport.identity import Identity, ssl_context
from fedqmix.runtime.transport.security import channel
from support.paths import python_path
from support.tagged import eventually

ROOT = Path(__file__).parents[3]
USUAL = 256
"""Open files that the process is started with; it may raise them."""


@pytest.mark.parametrize("party", ["world", "superlink"])
def test_strangers_connections_do_not_use_up_the_open_files(tmp_path: Path, party: str) -> None:
    make_certificates(tmp_path, 1)
    (port,) = free_ports(1)
    words = [party, "mixer=127.0.0.1:1", f"listen=127.0.0.1:{port}", f"certs={tmp_path / party}"]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    service = subprocess.Popen(
        ["bash", "-c", f'ulimit -S -n {USUAL}; exec "$@"', "-", sys.executable, "-m", "fedqmix", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.DEVNULL,
    )
    checked = Identity(tmp_path / "agent-0")

    def healthy() -> bool:
        if party == "superlink":
            try:
                url = f"https://127.0.0.1:{port}/health"
                return httpx.get(url, verify=ssl_context(checked), timeout=5).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False
        with channel(checked, f"127.0.0.1:{port}", party) as connection:
            return serving(connection)

    try:
        assert eventually(healthy, 60)
        with ExitStack() as stack:
            for _ in range(2 * USUAL):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            assert healthy()
    finally:
        service.kill()
        service.wait()
    assert hard > 3 * USUAL
