"""The programs of docs/own_worlds.md."""

from __future__ import annotations

import re

from support.paths import ROOT

PAGE = (ROOT / "docs" / "own_worlds.md").read_text(encoding="utf-8")


def program(opening: str) -> str:
    """Return the page's program that begins with some words."""
    (found,) = (text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if text.startswith(opening))
    return str(found)
