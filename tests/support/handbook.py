"""The commands of docs/deployment.md, so that what the tests do is what readers are told to do."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PAGE = ROOT / "docs" / "deployment.md"


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def blocks(title: str) -> list[list[str]]:
    """The lines of each block of commands below a heading, without blank ones and without what is said beside them."""
    found = re.findall(r"^```bash\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    return [[re.sub(r"  +# .*", "", line) for line in block.splitlines() if line] for block in found]
