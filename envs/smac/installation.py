"""The installation of StarCraft II: its folder, version and SMAC maps, from its files alone.

The folders are those of pysc2 (pysc2/run_configs/platforms.py of version 4.0.0), so that pysc2 starts the game that
this module finds.
"""

from __future__ import annotations

import ast
import os
import platform
import re
from importlib.util import find_spec
from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError

EXECUTABLES = {"Darwin": "SC2.app/Contents/MacOS/SC2", "Windows": "SC2_x64.exe"}
"""The game's program in the folder of a version, by system; SC2_x64 on other systems."""
MAPS = Path("Maps") / "SMAC_Maps"


def game_folder() -> Path:
    """Return the expected folder of StarCraft II, whether or not it exists.

    The folder is SC2PATH, or else the system's usual one.
    """
    named = os.environ.get("SC2PATH")
    if named or (named == "" and platform.system() == "Linux"):  # on Linux pysc2 reads an empty SC2PATH as a folder
        return Path(named).expanduser()
    if platform.system() == "Darwin":
        launched = _launched(Path.home() / "Library/Application Support/Blizzard", 6)
        return launched or Path("/Applications/StarCraft II")
    if platform.system() == "Windows":
        return _launched(Path.home() / "Documents", 3) or Path("C:/Program Files (x86)/StarCraft II")
    return Path.home() / "StarCraftII"


def game_build() -> int | None:
    """Return the newest installed build, pysc2's default; None when none is installed."""
    folders = (game_folder() / "Versions").glob("Base*")
    numbers = [re.fullmatch(r"Base(\d+)", folder.name) for folder in folders]
    return max((int(number[1]) for number in numbers if number), default=None)


def executable(build: int) -> Path:
    """Return the path of a build's program, whether or not it exists."""
    name = EXECUTABLES.get(platform.system(), "SC2_x64")
    return game_folder() / "Versions" / f"Base{build:05d}" / name


def game_version() -> str:
    """Return the installed version, as "StarCraft II 4.10.0 (build 75689)".

    Versions with the same build, which differ in data alone, are all named: "4.11.0 or 4.11.1". A build that pysc2 does
    not list has no version.
    Raises ConfigurationError when the game is not installed.
    """
    build = game_build()
    if build is None:
        raise ConfigurationError(f"StarCraft II is not in {game_folder()}; `fedqmix doctor` shows how to install it.")
    names = " or ".join(name for name, known in _known_versions() if known == build)
    return f"StarCraft II {names} (build {build})" if names else f"StarCraft II (build {build})"


def map_file(map: str) -> Path:
    """Return the path of SMAC's file of a map, whether or not it exists."""
    return game_folder() / MAPS / f"{map}.SC2Map"


def _launched(folder: Path, parents: int) -> Path | None:
    """Return the folder of the game that ran last, or None.

    Blizzard's ExecuteInfo.txt names the folder.
    parents: the number of folders between that folder and its program.
    """
    try:
        text = (folder / "StarCraft II" / "ExecuteInfo.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^\s*executable\s*=\s*([^\0\n]+)", text, re.MULTILINE)
    return Path(found[1].strip().replace("\\", "/")).parents[parents - 1] if found else None


def _known_versions() -> list[tuple[str, int]]:
    """Return pysc2's table of versions and builds.

    The table is read from pysc2's source: importing the module would define command-line flags.
    """
    spec = find_spec("pysc2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        source = Path(folder) / "run_configs" / "lib.py"
        if source.is_file():
            return _versions(ast.parse(source.read_text(encoding="utf-8")))
    return []


def _versions(module: ast.Module) -> list[tuple[str, int]]:
    """Return the name and build of each call Version("4.10.0", 75689, ...)."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    rows = [call.args for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Version"]
    return [
        (row[0].value, row[1].value)
        for row in rows
        if len(row) > 1 and isinstance(row[0], ast.Constant) and isinstance(row[1], ast.Constant)
        if isinstance(row[0].value, str) and isinstance(row[1].value, int)
    ]
