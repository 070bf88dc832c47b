"""A process that doubles numbers on a stream: python -m support.doubling_service SOCKET CERTS|-; prints "ready".

The method is /test.Test/Double. It refuses 13, never answers 99, and answers 7 with a message above the limit.
/test.Test/HangUp ends every stream at once.
"""

import sys
import threading
from pathlib import Path

import grpc

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.transport.faults import conversed
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.security import MESSAGE_LIMIT, server

METHOD = "/test.Test/Double"


class Doubler:
    """See the module."""

    @conversed
    def double(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        number = int(request)
        if number == 13:
            raise RefusedError("not 13")
        if number == 99:
            threading.Event().wait()
        return bytes(MESSAGE_LIMIT + 1) if number == 7 else str(2 * number).encode()

    def add_to(self, running: grpc.Server) -> None:
        """Serve on a server, as generated code does."""
        methods = {
            "Double": grpc.stream_stream_rpc_method_handler(self.double, None, bytes),
            "HangUp": grpc.stream_stream_rpc_method_handler(lambda requests, context: iter(())),
        }
        running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
        running.add_registered_method_handlers("test.Test", methods)


if __name__ == "__main__":
    path, certs = sys.argv[1:]
    identity = None if certs == "-" else Identity(Path(certs))
    running = server(identity, [Doubler().add_to], "127.0.0.1:0", 16, handshake_s=2.0, local=Path(path))
    print("ready", flush=True)
    running.wait()
