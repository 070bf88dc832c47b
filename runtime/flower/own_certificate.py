"""Flower's HTTP clients show this party's certificate (flwr 1.41: one class builds all of them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.flower import internals
from fedqmix.runtime.transport.identity import Identity, ssl_context


def show(identity: Identity) -> None:
    """Let every HTTP client that Flower makes in this process, or a fork of it, show a certificate.

    They trust the federation's authority alone, and speak TLS or not at all.
    Raises ConfigurationError when this version of Flower makes its clients in another way.
    """
    client = internals.name(internals.module("flwr.supercore.protobuf.client"), "ProtobufClient")
    make, context = client.__init__, ssl_context(identity)

    def make_with_certificate(self: Any, base_url: str, *, verify: object = True, **options: Any) -> None:
        if not base_url.startswith("https://"):
            raise ConfigurationError(f"{base_url} is not encrypted; {identity.party} speaks TLS only.")
        make(self, base_url, verify=context, **options)
        internals.replace(self._client, send=_patient(self._client.send))

    internals.replace(client, __init__=make_with_certificate)


def _patient(send: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    """Return `send` whose errors speak of TLS only where a certificate is refused.

    Flower takes every error with "ssl" or "tls" in its text for one of those, and gives up for good; a handshake that
    a busy, stopped or killed server did not finish is one, and is to be tried again as any other connection.
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
