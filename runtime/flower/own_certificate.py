"""This party's certificate in Flower's HTTP clients (flwr 1.41: all are of one class)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.flower import internals
from fedqmix.runtime.transport.identity import Identity, ssl_context


def show(identity: Identity) -> None:
    """Make all of Flower's HTTP clients in this process and its forks show a certificate.

    They trust only the federation's authority, and connect only with TLS.
    Raises ConfigurationError when this version of Flower makes its clients differently.
    """
    client = internals.name(internals.module("flwr.supercore.protobuf.client"), "ProtobufClient")
    make, context = client.__init__, ssl_context(identity)

    def make_with_certificate(self: Any, base_url: str, *, verify: object = True, **options: Any) -> None:
        if not base_url.startswith("https://"):
            raise ConfigurationError(f"{base_url} is not encrypted; {identity.party} connects with TLS only.")
        make(self, base_url, verify=context, **options)
        internals.replace(self._client, send=_patient(self._client.send))

    internals.replace(client, __init__=make_with_certificate)


def _patient(send: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    """Return a `send` whose errors mention TLS only when a certificate is refused.

    Flower takes an error with "ssl" or "tls" in its text for a refused certificate, and gives up. An unfinished
    handshake with a busy, stopped or killed server has such a text too, but must be retried like any connection.
    """

    def send_patiently(*arguments: Any, **options: Any) -> httpx.Response:
        try:
            return send(*arguments, **options)
        except httpx.TimeoutException as error:
            raise type(error)("no answer in time") from error
        except httpx.TransportError as error:
            if "EOF occurred" not in str(error):
                raise
            raise type(error)("the connection was closed") from error

    return send_patiently
