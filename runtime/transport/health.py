"""Health checks (grpc.health.v1) that a server answers independently of its other calls.

Check reads nothing of its request and has threads of its own, so no caller can delay it. A request may name one
service of the server; all services have the server's status.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

SERVICE = "grpc.health.v1.Health"
WORKERS = 2


class Health:
    """The health service, SERVING until it is stopped."""

    def __init__(self) -> None:
        self._stopped = False
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="health")

    def add_to(self, server: grpc.Server) -> None:
        """Serve Check and Watch on a server."""

        def check(_unread: Iterator[bytes], _context: grpc.ServicerContext) -> Any:
            return self._status()

        # gRPC runs a method with this attribute in these threads instead of the server's.
        check.experimental_thread_pool = self._threads  # type: ignore[attr-defined]
        write = health_pb2.HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.stream_unary_rpc_method_handler(check, None, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, None, write),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    def stop(self) -> None:
        """Answer NOT_SERVING from now on."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    def _status(self) -> Any:
        status = health_pb2.HealthCheckResponse
        return status(status=status.NOT_SERVING if self._stopped else status.SERVING)

    def _watch(self, _request: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
        """Send the server's status, and again after a change; the call holds one of the server's threads."""
        yield self._status()
        context.add_callback(self._wake)
        with self._changed:
            while not self._stopped and context.is_active():
                self._changed.wait()
        yield self._status()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
