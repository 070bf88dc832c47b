"""Health checks of services. Each returns within a second and never raises."""

from __future__ import annotations

import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PATIENCE = 1.0
"""Seconds that a check waits for an answer."""


def answers(address: str) -> bool:
    """Return whether a process accepts connections at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE):
            return True
    except OSError:
        return False


def serving(channel: grpc.Channel) -> bool:
    """Return whether a gRPC service reports SERVING (grpc.health.v1). The channel stays open."""
    try:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    except grpc.RpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
