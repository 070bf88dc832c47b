"""The requirements of env=smac, and the commands that install missing ones.

The checks import no package and start no program.
"""

from __future__ import annotations

import os
import platform
import shlex
import textwrap
from pathlib import Path

from fedqmix.envs.maps import available_maps
from fedqmix.envs.smac.installation import executable, game_build, game_folder, game_version, map_file
from fedqmix.envs.smac.packages import ABSENT, brief, packages, smac_on_path
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.finding import Finding

__all__ = ["findings", "game_version", "require", "smac_on_path"]

WIDTH = 100
"""Columns of the screen for the report of `require`."""
INSTALL = "scripts/install_sc2.sh"  # in the repository
BLIZZARDS_OWN = "# StarCraft II (the free edition will do) from https://starcraft2.blizzard.com"


def findings(map: str | None) -> list[Finding]:
    """Check all requirements, in the order of installation.

    map: the map of which the file is checked; None checks all maps.
    """
    found = [Finding(package.name, not package.remedy, package.found, package.remedy) for package in packages()]
    return [*found, _game(), _maps(map)]


def require(map: str) -> None:
    """Check that battles on a map can be played.

    Raises ConfigurationError that lists the commands to type, on one screen of at most 24 lines of 100 columns.
    """
    missing = [finding for finding in findings(map) if not finding.ok]
    if not missing:
        return
    absent = ", ".join(finding.name for finding in missing if finding.found == ABSENT)
    rows = [f"{finding.name}: {finding.found}" for finding in missing if finding.found != ABSENT]
    commands = dict.fromkeys(line for finding in missing for line in finding.remedy.splitlines())
    lines = [
        f"env=smac map={map} needs StarCraft II, and parts are missing on this machine.",
        *(f"  {_shortened(row)}" for row in [*([f"{ABSENT}: {absent}"] if absent else []), *rows]),
        "Type, in this order:",
        *(_command(line) for line in commands),
        f"Then check again: fedqmix doctor map={map}. More is in docs/starcraft.md.",
        "env=skirmish plays the same maps without StarCraft.",
    ]
    raise ConfigurationError("\n".join(lines))


def _shortened(text: str) -> str:
    """Shorten a text to one line by leaving out its middle."""
    most = WIDTH - 2
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2 - 3) :]}"


def _command(line: str) -> str:
    """Indent a command and break long lines with a backslash, as a shell reads them."""
    words = textwrap.wrap(line, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    return " \\\n      ".join([f"  {words[0]}", *words[1:]])


def _game() -> Finding:
    build, folder = game_build(), game_folder()
    get = _install(folder) if platform.system() == "Linux" else BLIZZARDS_OWN
    if build is None:
        named = "SC2PATH" if "SC2PATH" in os.environ else "SC2PATH is not set"
        return Finding("StarCraft II", False, f"no Versions/Base* in {brief(folder)} ({named})", get)
    program = executable(build)
    if not program.is_file():
        return Finding("StarCraft II", False, f"{program.relative_to(folder)} is not in {brief(folder)}", get)
    if not os.access(program, os.X_OK):
        remedy = f"chmod +x {shlex.quote(str(program))}"
        return Finding("StarCraft II", False, f"{brief(program)} may not be executed", remedy)
    return Finding("StarCraft II", True, f"{game_version()} in {brief(folder)}", "")


def _maps(map: str | None) -> Finding:
    wanted = available_maps() if map is None else [map]
    missing = [name for name in wanted if not map_file(name).is_file()]
    folder = map_file(wanted[0]).parent
    if not missing:
        return Finding("SMAC's maps", True, f"{map or f'all {len(wanted)}'} in {brief(folder)}", "")
    which = ", ".join(missing) if len(missing) < 4 else f"{len(missing)} of {len(wanted)} maps"
    both = game_build() is None and platform.system() == "Linux"
    command = _install(game_folder()) if both else f"{_install(game_folder())} --maps-only"
    return Finding("SMAC's maps", False, f"{which} not in {brief(folder)}", command)


def _install(folder: Path) -> str:
    """Return the command that installs the Linux game and SMAC's maps in a folder."""
    where = "" if folder == Path.home() / "StarCraftII" else f" --folder {shlex.quote(str(folder))}"
    return f"{INSTALL}{where}"
