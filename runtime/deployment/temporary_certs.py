"""Certificates for one run on one machine."""

from __future__ import annotations

from pathlib import Path

from fedqmix.runtime.deployment.parties import parties
from fedqmix.runtime.transport.authority import NODE_PUBLIC_KEY, copy_public, issue, make_authority, make_node_key

DAYS = 365
"""Days that the certificates are valid: longer than a run takes."""


def make_certificates(folder: Path, agents: int) -> None:
    """Make an authority and each party's folder in `folder`, as `fedqmix certs` does.

    The authority's key is deleted afterwards.
    """
    authority = make_authority(folder)
    for party in parties(agents):
        issue(authority, folder / party, party, [], DAYS)
        if party.startswith("supernode-"):
            make_node_key(folder / party)
            copy_public(folder / party / NODE_PUBLIC_KEY, folder / "superlink" / f"{party}.pub")
    (folder / "ca.key").unlink()
