"""Local sockets: where a party of this machine listens beside its port, and who is at the other end.

A folder that belongs to this user alone (mode 0700) holds one Unix domain socket for each party that listens.
The file permissions keep other users out, and both ends check the other process's user id.
With certificates both ends also show them, with the same authority and names as over gRPC.
"""

from __future__ import annotations

import os
import socket
import ssl
import stat
import struct
import sys
from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.identity import AUTHORITY, CERTIFICATE, KEY, Identity, ssl_context

SUPPORTED = sys.platform == "linux"
"""Whether this system has what local sockets need; elsewhere parties of one machine use gRPC alone."""
_PROCESS = struct.Struct("3i")  # Linux's struct ucred: process, user and group id
LONGEST_PATH = 107
"""Bytes of a socket's path that Linux allows."""


class StrangerError(OSError):
    """The process at the other end runs as another user."""


def socket_path(folder: Path, party: str) -> Path:
    """Return where a party listens. Raises ConfigurationError for a folder that cannot hold local sockets."""
    path = _socket_in(folder, party)
    if not SUPPORTED:
        raise ConfigurationError("sockets=... works on Linux only. Leave it out: the parties then use gRPC alone.")
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigurationError(
            f"sockets={folder}: the path of a socket may have {LONGEST_PATH} bytes, and {path} is longer. Name a "
            "folder with a shorter path."
        )
    return path


def local_path(folder: Path | None, party: str) -> Path | None:
    """Return where a party listens in a folder; None where its parties use gRPC alone.

    That is without a folder, on another system than Linux, and where the folder's path is too long for a socket.
    """
    if folder is None or not SUPPORTED or len(os.fsencode(_socket_in(folder, party))) > LONGEST_PATH:
        return None
    return _socket_in(folder, party)


def require_private(folder: Path) -> None:
    """Raise ConfigurationError unless a folder exists and is open to this process's user alone."""
    try:
        found = folder.stat()
    except OSError as error:
        raise ConfigurationError(
            f"sockets={folder} cannot be used: {error.strerror}. Make it: mkdir -m 700 {folder}"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"sockets={folder} must be a folder that belongs to this user and is open to this user alone. Make one: "
            "mkdir -m 700 FOLDER"
        )


def require_own_user(connection: socket.socket) -> None:
    """Raise StrangerError unless the process at the other end runs as this process's user."""
    shown = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PROCESS.size)
    user = _PROCESS.unpack(shown)[1]
    if user != os.geteuid():
        raise StrangerError(f"The process at the other end runs as user {user}; only user {os.geteuid()} is let in.")


def _socket_in(folder: Path, party: str) -> Path:
    return folder / f"{party}.sock"


def server_context(identity: Identity | None) -> ssl.SSLContext | None:
    """Return the TLS settings of a server that lets in certificates of this identity's authority alone."""
    if identity is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(identity.folder / AUTHORITY)
    context.load_cert_chain(identity.folder / CERTIFICATE, identity.folder / KEY)
    return context


def client_context(identity: Identity | None) -> ssl.SSLContext | None:
    """Return the TLS settings of a client; None where no certificates are used."""
    return None if identity is None else ssl_context(identity)


def shown_name(connection: socket.socket) -> str | None:
    """Return the common name of the certificate shown by the other end; None on a plain connection.

    A certificate without exactly one common name, which the authority never issues, gives "".
    """
    if not isinstance(connection, ssl.SSLSocket):
        return None
    subject: object = (connection.getpeercert() or {}).get("subject", ())
    parts = [pair for part in subject if isinstance(part, tuple) for pair in part] if isinstance(subject, tuple) else []
    names = [str(pair[1]) for pair in parts if pair[0] == "commonName"]
    return names[0] if len(names) == 1 else ""
