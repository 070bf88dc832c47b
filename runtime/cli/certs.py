"""`fedqmix certs`: make the certificates and keys of all parties, from their own authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedqmix.runtime.cli.certs_options import CertsOptions, parse
from fedqmix.runtime.core.errors import StorageError
from fedqmix.runtime.deployment.parties import parties
from fedqmix.runtime.transport.authority import (
    AUTHORITY_KEY,
    NODE_KEY,
    NODE_PUBLIC_KEY,
    Authority,
    copy_public,
    ends_soon,
    hosts_of,
    issue,
    issued,
    make_authority,
    make_node_key,
    read_authority,
)
from fedqmix.runtime.transport.identity import CERTIFICATE

HELP = """\
fedqmix certs agents=N [name=value ...]    make certificates: one folder for each party, to be copied to its machine

  agents=N             number of agents; by default as many as OUT holds
  out=certs            the folder for all parties' folders; OUT/ca.key can sign any party's certificate and stays there
  days=825             days for which new certificates are valid
  hosts.PARTY=A,B      names and addresses of a party's machine, such as hosts.superlink=10.0.0.2,link.lan
  renew=true           new certificates for all parties, with the same names; the authority stays

PARTY is superlink, world, mixer, submit (for `fedqmix submit`), agent-K or supernode-K, K from 0. Each certificate is
issued for the party's name, localhost, 127.0.0.1, ::1 and its hosts. Run again, the command adds missing files and
leaves the others unchanged.
"""


@dataclass(frozen=True)
class _Row:
    party: str
    done: str
    ends: datetime
    copy: bool


def certs_command(words: list[str]) -> int:
    """Make missing certificates and keys, and print a table of all; return the exit status."""
    options = parse(words)
    try:
        authority = read_authority(options.out)
        begun = authority is None
        authority = authority or make_authority(options.out)
        rows = [_provide(authority, options, party) for party in parties(options.agents)]
        if _copy_node_keys(options.out, [row.party for row in rows if row.party.startswith("supernode-")]):
            rows = [replace(row, copy=True) if row.party == "superlink" else row for row in rows]
    except OSError as error:
        raise StorageError(
            f"{error.filename or options.out}: {error.strerror}. Every file is written whole or not at all: put that "
            "right and run the command again."
        ) from None
    _show(options, authority, begun, rows)
    return 0


def _provide(authority: Authority, options: CertsOptions, party: str) -> _Row:
    """Make the missing or outdated files in a party's folder; return its row of the table."""
    folder = options.out / party
    node_key = _provide_node_key(folder) if party.startswith("supernode-") else False
    certificate = issued(authority, folder)
    old = hosts_of(certificate) if certificate is not None else []
    hosts = list(dict.fromkeys([*old, *options.hosts.get(party, ())]))
    done = _what_to_do(options, folder, certificate is not None, new_hosts=hosts[len(old) :])
    if done is not None or certificate is None:
        return _Row(party, done or "made", issue(authority, folder, party, hosts, options.days), copy=True)
    return _Row(party, "new auth.key" if node_key else "as it was", certificate.not_valid_after_utc, copy=node_key)


def _what_to_do(options: CertsOptions, folder: Path, valid: bool, new_hosts: list[str]) -> str | None:
    if not valid:
        replaced = (folder / CERTIFICATE).exists()
        return "replaced: was damaged, or another authority's" if replaced else "made"
    if new_hosts:
        return f"made anew, also for {', '.join(new_hosts)}"
    return "renewed" if options.renew else None


def _provide_node_key(folder: Path) -> bool:
    """Make a SuperNode's key for Flower unless it exists; return whether it is new.

    It is never renewed: the SuperLink identifies the node by its key.
    """
    if (folder / NODE_KEY).exists() and (folder / NODE_PUBLIC_KEY).exists():
        return False
    make_node_key(folder)
    return True


def _copy_node_keys(out: Path, supernodes: Sequence[str]) -> bool:
    """Copy the SuperNodes' public keys to the SuperLink's folder; return whether one was new.

    The copies are called `supernode-K.pub`.
    """
    changed = [copy_public(out / name / NODE_PUBLIC_KEY, out / "superlink" / f"{name}.pub") for name in supernodes]
    return any(changed)


def _show(options: CertsOptions, authority: Authority, begun: bool, rows: list[_Row]) -> None:
    console = Console()
    table = Table("party", "certificate", "valid until", box=None)
    for row in rows:
        warning = ends_soon(row.ends)
        table.add_row(
            row.party, row.done, Text(f"{row.ends:%Y-%m-%d}" + (f"  {warning}" if warning else ""), "default")
        )
    console.print(table)
    notes = [
        f"authority: {'made' if begun else 'as it was'}, {options.out / AUTHORITY_KEY}. Keep it secret; its holder "
        "can act as any party."
    ]
    warning = ends_soon(authority.certificate.not_valid_after_utc)
    if warning:
        notes.append(f"the authority {warning}: make a new federation in another folder and copy all of it: out=DIR")
    if any(ends_soon(row.ends) for row in rows):
        notes.append("Renew certificates that are about to end: fedqmix certs renew=true" + _out(options))
    if any(row.copy for row in rows):
        copied = [row.party for row in rows if row.copy]
        which = "every folder" if len(copied) == len(rows) else ", ".join(copied)
        notes.append(f"Copy to the party's machine, and start the party again there: {which}.")
    for line in notes:
        console.print(Text(line), soft_wrap=True)


def _out(options: CertsOptions) -> str:
    return "" if options.out == Path("certs") else f" out={options.out}"
