"""Health checks (grpc.health.v1) that are answered whatever the other calls of a server do.

Check reads nothing of its request and has threads of its own, so nobody can keep it waiting. The request could name one
service of the server; all of them are as well as the server is.
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
    """Says SERVING until it is stopped."""

    def __init__(self) -> None:
        self._stopped = False
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="health")

    def add_to(self, server: grpc.Server) -> None:
        """Serve Check and Watch on a server."""

        def check(_unread: Iterator[bytes], _context: grpc.ServicerContext) -> Any:
            return self._status()

        # gRPC runs a method that has this attribute in these threads; without it they would be the server's
        check.experimental_thread_pool = self._threads  # type: ignore[attr-defined]
        write = health_pb2.HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.stream_unary_rpc_method_handler(check, None, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, None, write),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    def stop(self) -> None:
        """Say NOT_SERVING from now on."""
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
        """Say how the server is, and again when that has changed; the caller keeps one of the server's threads."""
        yield self._status()
        context.add_callback(self._wake)
        with self._changed:
            while not self._stopped and context.is_active():
                self._changed.wait()
        yield self._status()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
