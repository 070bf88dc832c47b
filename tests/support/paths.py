"""Where the repository lies, and what a process that a test starts needs to find the package and these helpers."""

from __future__ import annotations

import os
from pathlib import Path

from fedqmix.runtime.flower.environment import source_path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SITES = TESTS / "support" / "sites"
"""Folders that change every Python process in whose PYTHONPATH they are."""


def python_path(*before: Path) -> str:
    """Return the PYTHONPATH with which other processes find the package, `support`, and first of all these folders."""
    source = source_path().get("PYTHONPATH", "")
    return os.pathsep.join(filter(None, [*map(str, before), str(TESTS), source]))


def package_folder(folder: Path) -> Path:
    """Return a new folder in which the package can be found by a Python that has nothing installed."""
    folder.mkdir(exist_ok=True)
    if not (folder / "fedqmix").exists():
        (folder / "fedqmix").symlink_to(ROOT)
    return folder
