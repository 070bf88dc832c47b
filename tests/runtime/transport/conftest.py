"""Tests of what agents, world and mixer exchange run over gRPC alone, and with streams over local sockets."""

import pytest

from fedqmix.runtime.transport.local_socket import SUPPORTED
from support import federation


@pytest.fixture(params=["grpc", pytest.param("local", marks=pytest.mark.skipif(not SUPPORTED, reason="Linux only"))])
def both_transports(request, tmp_path_factory, monkeypatch):
    """Run a test once with each transport."""
    if request.param == "local":
        monkeypatch.setattr(federation, "SOCKETS", tmp_path_factory.mktemp("s"))
