"""Parties with real certificates, and one call between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fedqmix.runtime.transport.authority import Authority, issue, make_authority
from fedqmix.runtime.transport.security import Identity, channel

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def authority(folder: Path) -> Authority:
    return make_authority(folder)


def certified(by: Authority, folder: Path, party: str, days: float = 90) -> Identity:
    """Give a party its folder under `folder` and read it."""
    issue(by, folder / party, party, [], days)
    return Identity(folder / party)


def ask(identity: Identity | None, port: int, party: str, timeout: float = 10) -> int:
    """Ask a server on this machine how it is."""
    with channel(identity, f"127.0.0.1:{port}", party) as connection:
        return check(connection, timeout)


def check(connection: grpc.Channel, timeout: float = 10) -> int:
    return health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=timeout).status


def watch(connection: grpc.Channel) -> Iterator[int]:
    """Follow how a server is, from now on."""
    for answer in health_pb2_grpc.HealthStub(connection).Watch(health_pb2.HealthCheckRequest(), timeout=60):
        yield answer.status
