"""Print pyproject.toml's requirements, one per line: of the project, extras and groups.

    python3 scripts/requirements.py                 the packages that `fedqmix train` needs
    python3 scripts/requirements.py sc2 video dev   also these extras and dependency groups
    python3 scripts/requirements.py --only audit    only these

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(names: list[str], own: bool = True) -> list[str]:
    """Return the requirements of the project (if `own`) and of the named extras and groups.

    Raises KeyError for a name that is neither an extra nor a group.
    """
    file = tomllib.loads(PROJECT.read_text())
    known = file["project"]["optional-dependencies"] | file["dependency-groups"]
    return [*(file["project"]["dependencies"] if own else []), *(line for name in names for line in known[name])]


if __name__ == "__main__":
    words = sys.argv[1:]
    only = words[:1] == ["--only"]
    try:
        print(*requirements(words[only:], own=not only), sep="\n")
    except KeyError as error:
        sys.exit(f"pyproject.toml has no extra and no dependency group named {error}.")
