"""The result of a check of one requirement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of a check of one requirement.

    name: the requirement. found: the state found, or its fault. remedy: the commands that fix it, one per line;
    empty when ok.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
