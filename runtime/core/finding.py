"""What was found of something that is needed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One requirement as it was found.

    name: what is needed. found: what is there, or what is wrong with it. remedy: the commands that put it right, a line
    each; empty when ok.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
