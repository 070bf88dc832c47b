"""Words that readers had to decode stay out of the sources and the documents (CONTRIBUTING.md, "English")."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from support.paths import ROOT

PERSONS = r"\b(whoever|nobody|somebody|everybody|anybody|whom)\b"  # for processes, agents, runs and callers
PHRASES = r"\b(what came of|how-manieth|let(s|ting)? go of|taken? up by|takes? up what|is said to|says so|told it)\b"
NO_THING = r"(?<!\bthere )\b(is|are) no (?!longer|more\b|other|less)[a-z]"  # say "is not a valid X", or "there is no X"
INVENTED = r"\b(crew|lifeline|leashed|standby|desk|going_on|owed|how-many)\b"
BANNED = re.compile("|".join((PERSONS, PHRASES, NO_THING, INVENTED)), re.IGNORECASE)
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md")


def prose_of(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a document, or the comments and the texts of a source file, with their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return list(enumerate(text.splitlines(), 1))
    kinds = (tokenize.COMMENT, tokenize.STRING)
    tokens = (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type in kinds)
    return [
        (token.start[0] + offset, line) for token in tokens for offset, line in enumerate(token.string.splitlines())
    ]


def sources() -> list[Path]:
    """Return every file that a reader of the project may open, but for tests and generated ones."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split() if not name.startswith("tests/") and "_pb2" not in name]
    return [*files, *(path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern)))]


def test_nothing_has_to_be_decoded() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: git lists the files")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r} in {line.strip()}"
        for path in sources()
        for number, line in prose_of(path)
        if (match := BANNED.search(line))
    ]
    assert not found, "\n".join(found)
