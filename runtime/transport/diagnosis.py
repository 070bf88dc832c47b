"""The diagnosis of a party that cannot be reached.

gRPC reports a refused handshake only as "socket closed".
"""

from __future__ import annotations

import socket
import ssl

from fedqmix.runtime.transport.identity import Identity, now, ssl_context

_HANDSHAKE = 22
"""The first byte of a TLS server's answer to a client's hello (RFC 8446, section 5.1); an alert begins with 21."""


def why_unreachable(identity: Identity | None, address: str, party: str, timeout: float = 2.0) -> str | None:
    """Connect to `party` at `address` without gRPC and return the reason why it cannot be reached.

    identity, address, party: the arguments of the failed channel. timeout: seconds for each step of the connection.
    Returns one sentence without a full stop, or None when the party can be reached now.
    """
    place = f"{party} at {address}"
    try:
        host, port = _parted(address)
    except ValueError:
        return f"'{address}' is not a valid address; write host:port, such as world:9101"
    try:
        with socket.create_connection((host, port), timeout) as connection:
            found = _shake_hands(identity, connection, party) if identity else _without_tls(connection)
    except OSError as error:
        found = _network(error, timeout)
    return None if found is None else f"{place}: {found}"


def _parted(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _shake_hands(identity: Identity, connection: socket.socket, party: str) -> str | None:
    context = ssl_context(identity)
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(connection, server_hostname=party) as secure:
            # In TLS 1.3, the server checks the client's certificate after the client's handshake. A gRPC server that
            # accepts it sends first (HTTP/2 settings); one that refuses it closes the connection without an alert.
            return None if secure.recv(1) else _refused(identity)
    except ssl.SSLCertVerificationError as error:
        if "ostname mismatch" in error.verify_message:
            return f"its certificate is not made out to {party}; another party listens there"
        return f"its certificate is refused here: {error.verify_message}; both need certificates of the same authority"
    except (ssl.SSLEOFError, ConnectionError):
        return _refused(identity)
    except ssl.SSLError as error:
        plain = error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
        return "it speaks no TLS; was insecure=true typed there?" if plain else f"TLS failed: {error.reason or error}"


def _refused(identity: Identity) -> str:
    if identity.ends < now():
        return f"it refuses our certificate, which expired on {identity.ends:%Y-%m-%d}; renew: fedqmix certs renew=true"
    return (
        f"it refuses our certificate of {identity.party}; its ca.crt is not that of the authority that issued ours, or "
        "its clock is wrong; its log says which"
    )


def _network(error: OSError, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} seconds; is a firewall between, or the process stopped?"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; has it been started?"
    if isinstance(error, socket.gaierror):
        return "no machine of this name is known here"
    return error.strerror or str(error)


def _without_tls(connection: socket.socket) -> str | None:
    """Send the hello of a TLS client and check whether the answer is TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    hello, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(answer, hello)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        connection.sendall(hello.read())
    secure = connection.recv(1) in (bytes([_HANDSHAKE]), bytes([_HANDSHAKE - 1]))
    return "it speaks TLS, and insecure=true was typed here" if secure else None
