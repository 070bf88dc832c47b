"""fedqmix's own bundle, which holds no code; any other is refused unopened."""

from __future__ import annotations

import functools
import hashlib

from fedqmix.runtime.flower.app import bundle, version


class ForeignBundleError(Exception):
    """A bundle is not fedqmix's own."""


def foreign(content: bytes) -> str | None:
    """Return why a bundle is refused; None when it equals this version's own byte for byte."""
    own, found = own_hash(), hashlib.sha256(content).hexdigest()
    if found == own:
        return None
    return (
        f"the bundle (sha256 {found[:12]}) is not the bundle of the installed fedqmix {version()} (sha256 "
        f"{own[:12]}). No other bundle is run, and all parties must run the same version: install the same fedqmix "
        "everywhere and submit with `fedqmix submit`."
    )


def require_own(content: bytes, **_: object) -> None:
    """Raise ForeignBundleError unless a bundle is fedqmix's own; replaces `install_from_fab`."""
    if (refusal := foreign(content)) is not None:
        raise ForeignBundleError(refusal)


@functools.cache
def own_hash() -> str:
    """Return the SHA-256, in hexadecimal, of this version's own bundle."""
    return hashlib.sha256(bundle()).hexdigest()
