"""`fedqmix health`: check that a service answers, for container engines and operators."""

from __future__ import annotations

from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.diagnosis import why_unreachable
from fedqmix.runtime.transport.identity import ssl_context
from fedqmix.runtime.transport.security import Identity, channel

HELP = """\
fedqmix health ADDRESS party=NAME certs=DIR    check that a service answers: exit status 0 when it does, 1 when not

  ADDRESS         host:port, such as localhost:9101
  party=NAME      the expected party: world, mixer, agent-K, or Flower's superlink and supernode-K
  certs=DIR       the folder of the caller's certificate, of any party
  insecure=true   no encryption, for a service with insecure=true
  timeout=5       seconds to wait for the answer
"""
_OPTIONS = ("party", "certs", "insecure", "timeout")


def health_command(words: list[str]) -> int:
    """Check a service and print its status; return 0 when it is serving, 1 when not."""
    address, options = words[0], service_options.parse("health", words[1:], _OPTIONS)
    party = options.get("party", "")
    if not party or "=" in address:
        raise ConfigurationError(
            "fedqmix health needs an address and a party: fedqmix health localhost:9101 party=world"
        )
    timeout = service_options.seconds(options, "timeout", 5.0)
    identity = service_options.identity("health", options, None)
    trouble = _trouble(identity, address, party, timeout)
    Console().print(Text(trouble or f"{party} at {address}: serving"), soft_wrap=True)
    return 1 if trouble else 0


def _trouble(identity: Identity | None, address: str, party: str, timeout: float) -> str | None:
    """Return the problem of a service; None when it is serving."""
    if party.startswith("super"):
        return _flower_trouble(identity, address, party, timeout)
    try:
        with channel(identity, address, party) as connection:
            answer = health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=timeout)
    except grpc.RpcError as error:
        return why_unreachable(identity, address, party, timeout) or f"{party} at {address}: {_status_text(error)}"
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return None
    return f"{party} at {address}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"


def _flower_trouble(identity: Identity | None, address: str, party: str, timeout: float) -> str | None:
    """Return the problem of a SuperLink or SuperNode; None when it is serving.

    Flower answers `GET /health` on its port (flwr 1.41 and 1.42, supercore/routers/health).
    """
    try:
        with closing(_http(identity, address, timeout)) as connection:
            connection.request("GET", "/health")
            status = connection.getresponse().status
    except ConnectionRefusedError:
        return why_unreachable(identity, address, party, timeout) or f"{party} at {address}: it was just started"
    except (OSError, HTTPException) as error:
        other_way = why_unreachable(None, address, party, timeout) if identity is None else None
        return other_way or f"{party} at {address}: {error}"
    return None if status == HTTPStatus.OK else f"{party} at {address}: HTTP status {status}"


def _http(identity: Identity | None, address: str, timeout: float) -> HTTPConnection:
    if identity is None:
        return HTTPConnection(address, timeout=timeout)
    return HTTPSConnection(address, timeout=timeout, context=ssl_context(identity))


def _status_text(error: grpc.RpcError) -> str:
    return f"{error.code().name}: {error.details()}"
