"""What was found of what one purpose needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from fedqmix.runtime.core.finding import Finding

INSTALL = "python scripts/install.py"


@dataclass(frozen=True)
class Section:
    """The requirements of one purpose. needed: whether `fedqmix train` without further words needs them."""

    title: str
    findings: Sequence[Finding]
    needed: bool = False


def looked_at(name: str, check: Callable[[], Finding]) -> Finding:
    """Return what a check has found; a package that breaks while it is loaded is a finding, too."""
    try:
        return check()
    except (ImportError, OSError) as error:
        return Finding(name, False, f"cannot be loaded: {error}", INSTALL)


def extra(name: str, module: str, extra: str, purpose: str) -> Finding:
    """Look for the module of an extra. purpose: what is possible with it."""
    if find_spec(module) is not None:
        return Finding(name, True, purpose)
    return Finding(name, False, f"not installed ({purpose})", f"{INSTALL} {extra}")
