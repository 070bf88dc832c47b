"""The one bundle a federation runs: fedqmix's own, which holds no code. Any other is refused and never opened."""

from __future__ import annotations

import functools
import hashlib

from fedqmix.runtime.flower.app import bundle, version


class ForeignBundleError(Exception):
    """A bundle that is not fedqmix's own was sent here."""


def foreign(content: bytes) -> str | None:
    """Return why a bundle is refused; None when it is, byte for byte, the one this version of fedqmix submits."""
    own, found = own_hash(), hashlib.sha256(content).hexdigest()
    if found == own:
        return None
    return (
        f"the bundle (sha256 {found[:12]}) is not that of fedqmix {version()}, which is installed here (sha256 "
        f"{own[:12]}). No other bundle is run, and all parties must run the same version: install the same fedqmix "
        "everywhere and submit with `fedqmix submit`."
    )


def require_own(content: bytes, **_: object) -> None:
    """Raise ForeignBundleError unless a bundle is fedqmix's own; in place of Flower's `install_from_fab`."""
    if (refusal := foreign(content)) is not None:
        raise ForeignBundleError(refusal)


@functools.cache
def own_hash() -> str:
    """Return the SHA-256, in hexadecimal, of the bundle that this version of fedqmix submits."""
    return hashlib.sha256(bundle()).hexdigest()
