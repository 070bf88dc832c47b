"""Is a service ready? Each check answers within a second and never raises."""

from __future__ import annotations

import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PATIENCE = 1.0
"""Seconds a check waits for an answer."""


def answers(address: str) -> bool:
    """Tell whether somebody accepts connections at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE):
            return True
    except OSError:
        return False


def serving(channel: grpc.Channel) -> bool:
    """Tell whether the service behind a gRPC channel says SERVING (grpc.health.v1). The channel is left open."""
    try:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    except grpc.RpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
