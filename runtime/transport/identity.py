"""The identity of a process: one party's certificate and key, and the authority of all parties."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from fedqmix.runtime.core.errors import ConfigurationError

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "party.crt", "party.key"
FILES = (AUTHORITY, CERTIFICATE, KEY)
SOON = timedelta(days=30)
"""The remaining time below which a certificate causes a warning."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """One party's certificate and key, read and checked on construction.

    folder: holds `ca.crt` (PEM; may hold several authorities, as during a change of authority), `party.crt` and
    `party.key`, as `fedqmix certs` writes them.
    party: the certificate's common name, such as `agent-0`. ends: the time at which the certificate expires.

    Warns when others than the owner can read the key, and when the certificate ends within 30 days.
    Raises ConfigurationError when a file is missing, unreadable or not a valid certificate or key. Raises it too when
    the certificate has expired or is not yet valid, was not issued by the authority, does not match the key, or does
    not name its own party.
    """

    folder: Path
    party: str = field(init=False, compare=False)
    ends: datetime = field(init=False, compare=False)
    authority: bytes = field(init=False, repr=False, compare=False)
    certificate: bytes = field(init=False, repr=False, compare=False)
    key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        authority, certificate, key = (_read(self.folder, name) for name in FILES)
        authorities = _certificates(self.folder / AUTHORITY, authority)
        own = _certificates(self.folder / CERTIFICATE, certificate)[0]
        _check_times(self.folder / CERTIFICATE, own)
        _check_issuer(self.folder, own, authorities)
        _check_key(self.folder, own, key)
        values = {
            "party": common_name(own),
            "ends": own.not_valid_after_utc,
            "authority": authority,
            "certificate": certificate,
            "key": key,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)  # the class is frozen, and these follow from the folder
        _check_names(self.folder / CERTIFICATE, own, self.party)
        _warn(self.folder, self.party, self.ends)


def ssl_context(identity: Identity) -> ssl.SSLContext:
    """Return the TLS settings of a client that shows this certificate and trusts only this authority."""
    context = ssl.create_default_context(cafile=str(identity.folder / AUTHORITY))
    context.load_cert_chain(identity.folder / CERTIFICATE, identity.folder / KEY)
    return context


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name of a certificate's subject, "" when it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names in a certificate."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(_missing(folder, name)) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}. The process must run as the file's owner; in a container set "
            "FEDQMIX_UID and FEDQMIX_GID to the owner's numbers."
        ) from None


def _missing(folder: Path, name: str) -> str:
    inside = sorted(path.parent.name for path in folder.glob(f"*/{CERTIFICATE}"))
    if inside:
        return (
            f"{folder} holds the folders of several parties: {', '.join(inside)}. Name one: certs={folder / inside[0]}"
        )
    return (
        f"{folder / name} is missing. A party's folder holds {', '.join(FILES)}; `fedqmix certs agents=N` makes one "
        "for each party, and each is copied to its party's machine."
    )


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigurationError(
            f"{path} is not a valid certificate in PEM form. Copy it again, or run `fedqmix certs`."
        ) from None


def _check_times(path: Path, certificate: x509.Certificate) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now() > ends:
        raise ConfigurationError(f"{path} expired on {ends:%Y-%m-%d %H:%M} UTC. Renew it: fedqmix certs renew=true")
    if now() < begins:
        raise ConfigurationError(
            f"{path} is valid from {begins:%Y-%m-%d %H:%M} UTC, and this machine's clock says {now():%Y-%m-%d %H:%M}. "
            "Set the clock."
        )


def _check_issuer(folder: Path, certificate: x509.Certificate, authorities: list[x509.Certificate]) -> None:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return _check_times(folder / AUTHORITY, authority)
    raise ConfigurationError(
        f"{folder / CERTIFICATE} was not issued by the authority in {folder / AUTHORITY}. Copy both from the folder "
        "that `fedqmix certs` wrote for this party."
    )


def _check_key(folder: Path, certificate: x509.Certificate, key: bytes) -> None:
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError):
        raise ConfigurationError(f"{folder / KEY} is not a valid private key in PEM form without password.") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ConfigurationError(
            f"{folder / KEY} does not belong to {folder / CERTIFICATE}. Copy both from the same party's folder."
        )


def _check_names(path: Path, certificate: x509.Certificate, party: str) -> None:
    if not party or party not in names_of(certificate):
        raise ConfigurationError(
            f"{path} must name its party both as common name and among its DNS names; it says '{party}' and "
            f"{', '.join(names_of(certificate)) or 'nothing'}. Make it with `fedqmix certs`."
        )


def _warn(folder: Path, party: str, ends: datetime) -> None:
    mode = (folder / KEY).stat().st_mode & 0o777
    if mode & 0o077:
        _log.warning("%s can be read by others than its owner (mode %o); `chmod 600` it.", folder / KEY, mode)
    if ends - now() < SOON:
        _log.warning(
            "the certificate of %s expires on %s, in %d days. Renew it: fedqmix certs renew=true",
            party,
            f"{ends:%Y-%m-%d}",
            (ends - now()).days,
        )


def now() -> datetime:
    """Return the current time for the validity of certificates."""
    return datetime.now(UTC)
