"""Channels and servers with mutual TLS, or in plain text with `insecure=true`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.admission import FIRST_MESSAGE_S, Gate
from fedqmix.runtime.transport.health import Health
from fedqmix.runtime.transport.identity import Identity
from fedqmix.runtime.transport.local_channel import LocalChannel, LocalPlace
from fedqmix.runtime.transport.local_server import LocalServer, StreamMethods

__all__ = ["MESSAGE_LIMIT", "Identity", "RunningServer", "Service", "channel", "peer", "server"]

MESSAGE_LIMIT = 64 * 2**20
"""The maximum bytes of a message; a larger one is refused (RESOURCE_EXHAUSTED) before it is read into memory."""
STREAMS = 128
"""The maximum open calls of one connection; further calls wait at the caller. An agent needs four."""

Service = Callable[[grpc.Server], None]
"""Adds its methods to a server, as `functools.partial(world_pb2_grpc.add_WorldServicer_to_server, servicer)` does."""

_LIMITS = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
_SERVER = [
    *_LIMITS,
    ("grpc.so_reuseport", 0),  # a port in use is an error, not shared silently
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_concurrent_streams", STREAMS),
]
_CHANNEL = [
    *_LIMITS,
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no limit: a party that waits for others is silent for long
    ("grpc.enable_retries", 0),  # runtime.transport.calls retries
    ("grpc.enable_http_proxy", 0),  # two parties connect without a web proxy
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the limit of one attempt to connect
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
HANDSHAKE_S = 10.0
"""Seconds until a connection must have shown its certificate; honest callers stop at min_reconnect_backoff_ms."""
WATCHERS = 128
"""Threads for parties that watch the server's health (grpc.health.v1.Health/Watch); each party may hold one."""
STOPPING_S = 2.0
"""Seconds that cancelled calls may take to end."""


@dataclass(frozen=True)
class RunningServer:
    """A listening server. port: the port of the address, or the free port found for port 0."""

    port: int
    _server: grpc.Server = field(repr=False)
    _health: Health = field(repr=False)
    _gate: Gate = field(repr=False)
    _local: LocalServer | None = field(repr=False, default=None)

    def stop(self, grace: float) -> None:
        """Answer NOT_SERVING, refuse new calls, cancel running ones after `grace` seconds; wait for the end."""
        self._health.stop()
        self._server.stop(grace).wait(grace + STOPPING_S)
        if self._local is not None:
            self._local.stop()
        self._gate.close()
        self._health.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped; return False when `timeout` seconds passed first."""
        return not self._server.wait_for_termination(timeout)


def server(
    identity: Identity | None,
    handlers: Sequence[Service],
    address: str,
    workers: int,
    first_message_s: float = FIRST_MESSAGE_S,
    handshake_s: float = HANDSHAKE_S,
    local: Path | None = None,
) -> RunningServer:
    """Start a server; health checks (grpc.health.v1) are answered beside the handlers, SERVING from the start.

    identity: None serves in plain text; otherwise every client must show a certificate of the same authority, and
    runtime.transport.admission says which may call what.
    handlers: each is called with the server to add its methods.
    address: `host:port`; port 0 takes a free one. workers: calls that are handled, or wait, at the same time.
    first_message_s: seconds from the opening of a call to its first message. handshake_s: for TLS.
    local: the path of a local socket that serves the handlers' streams, too (runtime.transport.local_server).
    Raises ConfigurationError when the address or the local socket cannot be listened on.
    """
    gate = Gate(peer, identity.party if identity else "", first_message_s)
    running = grpc.server(
        ThreadPoolExecutor(workers + WATCHERS, thread_name_prefix="call"),
        interceptors=[gate],
        options=[*_SERVER, ("grpc.server_handshake_timeout_ms", int(1000 * handshake_s))],
    )
    healthy = Health()
    healthy.add_to(running)
    for add in handlers:
        add(running)
    try:
        port = int(_listen(running, identity, address))
    except RuntimeError:
        gate.close()
        raise ConfigurationError(
            f"listen={address}: cannot be listened on. Is the port taken by another process, or the address not this "
            "machine's? Name another one as host:port, such as 0.0.0.0:9101."
        ) from None
    try:
        beside = None if local is None else _local_server(local, identity, handlers, gate, workers, handshake_s)
    except ConfigurationError:
        gate.close()
        raise
    running.start()
    return RunningServer(port, running, healthy, gate, beside)


def _local_server(
    path: Path, identity: Identity | None, handlers: Sequence[Service], gate: Gate, most: int, handshake_s: float
) -> LocalServer:
    methods = StreamMethods()
    for add in handlers:
        add(methods)
    return LocalServer(path, identity, methods, gate, MESSAGE_LIMIT, most, handshake_s)


def _listen(running: grpc.Server, identity: Identity | None, address: str) -> int:
    if identity is None:
        return int(running.add_insecure_port(address))
    credentials = grpc.ssl_server_credentials(
        [(identity.key, identity.certificate)], root_certificates=identity.authority, require_client_auth=True
    )
    return int(running.add_secure_port(address, credentials))


def channel(identity: Identity | None, address: str, party: str, local: Path | None = None) -> grpc.Channel:
    """Return a channel to a party; it connects, and connects again, when it is used.

    local: the path of the party's local socket, which streams then use (runtime.transport.local_channel).

    identity: None speaks plain text. Otherwise this party's certificate is shown, and the other side must show one of
    the same authority that is made out to `party`, whatever its address is called.
    Why a call cannot reach its party is what `runtime.transport.diagnosis.why_unreachable` tells.
    """
    if local is not None:
        place = LocalPlace(local, party, identity, MESSAGE_LIMIT)
        return LocalChannel(_remote_channel(identity, address, party), place)
    return _remote_channel(identity, address, party)


def _remote_channel(identity: Identity | None, address: str, party: str) -> grpc.Channel:
    if identity is None:
        return grpc.insecure_channel(address, options=_CHANNEL)
    credentials = grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)
    options = [*_CHANNEL, ("grpc.ssl_target_name_override", party), ("grpc.default_authority", party)]
    return grpc.secure_channel(address, credentials, options=options)


def peer(context: grpc.ServicerContext) -> str | None:
    """Return the caller's name: the common name in the client's certificate; None on a plain channel.

    A secure caller without a common name, which the authority never issues, has the name "", never None.
    """
    shown = context.auth_context()
    if shown.get("transport_security_type", [b"insecure"]) == [b"insecure"]:
        return None
    names = shown.get("x509_common_name", [])
    return names[0].decode() if len(names) == 1 else ""
