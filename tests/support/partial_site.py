"""A Python that lacks some of the installed packages, or has others in their place."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from support.paths import package_folder

GAME_NAMES = ("pysc2", "pys2clientprotocol", "s2clientprotocol", "absl-py", "portpicker", "websocket-client", "smac")
"""The distributions that only env=smac needs."""


def partial_site(folder: Path, without: tuple[str, ...]) -> Path:
    """Link everything that is installed into a folder, but for the files of these distributions."""
    folder.mkdir()
    left_out = {top for name in without for top in _tops(name)}
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in left_out and entry.name != "__pycache__":
            (folder / entry.name).symlink_to(entry)
    return folder


def distribution(site: Path, name: str, version: str, *files: str) -> None:
    """Lay a package with these (empty) files into a site, as an installer leaves it."""
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def game(folder: Path, *maps: str, build: int = 75689) -> Path:
    """Lay out an installation of StarCraft II for Linux with some of SMAC's maps; the program does nothing."""
    program = folder / "Versions" / f"Base{build}" / "SC2_x64"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for map in maps:
        file = folder / "Maps" / "SMAC_Maps" / f"{map}.SC2Map"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def smac_source(folder: Path) -> Path:
    """Lay out a folder as SMAC's repository is, as far as it is looked at without importing it."""
    for file in ("smac/__init__.py", "smac/env/__init__.py", "smac/env/starcraft2/starcraft2.py"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def python_with(site: Path, **variables: str) -> tuple[list[str], dict[str, str]]:
    """Return the words that start a Python with this site alone and our sources, and its environment."""
    environment = {name: value for name, value in os.environ.items() if name not in ("SC2PATH", "FEDQMIX_SMAC_PATH")}
    path = os.pathsep.join([str(site), str(package_folder(site.with_name("package")))])
    return [sys.executable, "-S"], {**environment, "PYTHONPATH": path, "HOME": str(site.parent), **variables}


def _tops(name: str) -> set[str]:
    try:
        files = metadata.distribution(name).files or ()
    except metadata.PackageNotFoundError:
        return set()
    return {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
