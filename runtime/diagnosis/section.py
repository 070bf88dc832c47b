"""The findings for one purpose, and checks that make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from fedqmix.runtime.core.finding import Finding

INSTALL = "python scripts/install.py"


@dataclass(frozen=True)
class Section:
    """The findings for one purpose. needed: whether plain `fedqmix train` needs them."""

    title: str
    findings: Sequence[Finding]
    needed: bool = False


def looked_at(name: str, check: Callable[[], Finding]) -> Finding:
    """Return a check's finding; a package that cannot be imported is a finding, too."""
    try:
        return check()
    except (ImportError, OSError) as error:
        return Finding(name, False, f"cannot be loaded: {error}", INSTALL)


def extra(name: str, module: str, extra: str, purpose: str) -> Finding:
    """Check that the module of an extra is installed. purpose: the feature that it enables."""
    if find_spec(module) is not None:
        return Finding(name, True, purpose)
    return Finding(name, False, f"not installed ({purpose})", f"{INSTALL} {extra}")
