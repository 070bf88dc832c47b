"""The federation's certificate authority, and the folders of certificates that it issues to parties."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.identity import AUTHORITY, CERTIFICATE, KEY, SOON, common_name, now

AUTHORITY_KEY = "ca.key"
NODE_KEY, NODE_PUBLIC_KEY = "auth.key", "auth.pub"
"""The key pair by which Flower's SuperLink authenticates a SuperNode; in OpenSSH form, as flower-supernode reads it."""
AUTHORITY_DAYS = 3650
_EVERYWHERE = ("localhost", "127.0.0.1", "::1")
_CLOCKS_DIFFER = timedelta(hours=1)
"""The age with which a new certificate begins, as another machine's clock may be behind."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority with its key.

    certificate: self-signed; its key may sign parties' certificates, but no certificates of further authorities.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The content of ca.crt: the certificate in PEM form."""
        return self.certificate.public_bytes(Encoding.PEM)


def make_authority(folder: Path) -> Authority:
    """Create an authority; write `ca.crt` and `ca.key`. Raises ConfigurationError when one of them exists."""
    for path in (folder / AUTHORITY, folder / AUTHORITY_KEY):
        if path.exists():
            raise ConfigurationError(f"{path} is there already; an authority is never overwritten.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedqmix federation")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _blank(name, name, key.public_key(), now() + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    _private_folder(folder)
    authority = Authority(certificate, key)
    _write(folder / AUTHORITY_KEY, _pem(key), secret=True)
    _write(folder / AUTHORITY, authority.pem)
    return authority


def read_authority(folder: Path) -> Authority | None:
    """Return the authority of a folder; None when there is none yet.

    Raises ConfigurationError when one of its files is missing, or its certificate expired or does not match its key.
    """
    paths = [folder / AUTHORITY, folder / AUTHORITY_KEY]
    there = [path for path in paths if path.exists()]
    if not there:
        return None
    if len(there) == 1:
        missing = next(path for path in paths if path not in there)
        raise ConfigurationError(
            f"{there[0]} is there and {missing} is not. Put it back (it stays where `fedqmix certs` ran), or begin a "
            "new federation in another folder: out=DIR"
        )
    try:
        certificate = x509.load_pem_x509_certificate(paths[0].read_bytes())
        key = load_pem_private_key(paths[1].read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"the authority in {folder} is damaged: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigurationError(f"{paths[1]} does not belong to {paths[0]}; put the right one back.")
    if certificate.not_valid_after_utc < now():
        raise ConfigurationError(
            f"{paths[0]} expired on {certificate.not_valid_after_utc:%Y-%m-%d}: all parties need new certificates. "
            "Make them in another folder: out=DIR"
        )
    return Authority(certificate, key)


def issue(authority: Authority, folder: Path, party: str, hosts: Sequence[str], days: float) -> datetime:
    """Write a party's `ca.crt`, `party.crt` and `party.key`, with a new key; return the certificate's end.

    folder: the party's own, created when missing. hosts: names and addresses besides the party's name and localhost.
    days: its validity, limited by that of the authority's certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now() + timedelta(days=days), authority.certificate.not_valid_after_utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party)])
    names = dict.fromkeys([party, *_EVERYWHERE, *hosts])
    certificate = (
        _blank(subject, authority.certificate.subject, key.public_key(), ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _private_folder(folder)
    _write(folder / AUTHORITY, authority.pem)
    _write(folder / KEY, _pem(key), secret=True)
    _write(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM))
    return ends


def make_node_key(folder: Path) -> None:
    """Write `auth.key` and `auth.pub`, a P-384 pair in OpenSSH form.

    flwr 1.41 and 1.42 read this form (`flwr supernode register`).
    """
    key = ec.generate_private_key(ec.SECP384R1())
    _private_folder(folder)
    _write(folder / NODE_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), secret=True)
    _write(folder / NODE_PUBLIC_KEY, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n")


def copy_public(source: Path, target: Path) -> bool:
    """Copy a public file when the target differs; return whether the target was written."""
    data = source.read_bytes()
    if target.exists() and target.read_bytes() == data:
        return False
    _write(target, data)
    return True


def issued(authority: Authority, folder: Path) -> x509.Certificate | None:
    """Return the certificate in a party's folder.

    None: it is missing, damaged, without its key, or from another authority.
    """
    try:
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        certificate.verify_directly_issued_by(authority.certificate)
        key = load_pem_private_key((folder / KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return None
    return certificate if key.public_key() == certificate.public_key() else None


def ends_soon(ends: datetime) -> str | None:
    """Return a text about the end of a certificate that expired or ends within 30 days; else None."""
    if ends < now():
        return f"expired on {ends:%Y-%m-%d}"
    return f"expires in {(ends - now()).days} days" if ends - now() < SOON else None


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses in a party's certificate besides its own name and localhost."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    texts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return [text for text in texts if text not in (common_name(certificate), *_EVERYWHERE)]


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - _CLOCKS_DIFFER)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Write or replace a file atomically; a secret file is readable only by its owner at all times."""
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
