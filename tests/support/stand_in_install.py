"""Lays the stand-in out as if StarCraft II were installed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from fedqmix.envs.maps import available_maps
from support.stand_in_maps import map_file, map_path

EXECUTABLE = "Versions/Base75689/SC2_x64"


def install(folder: Path) -> Path:
    """Make an SC2PATH of a folder: the executable that pysc2 launches, and files for all of SMAC's maps.

    The executable runs this interpreter. Returns the folder.
    """
    executable = folder / EXECUTABLE
    executable.parent.mkdir(parents=True)
    program = Path(__file__).resolve().with_name("stand_in_game.py")
    paths = [str(program.parents[1])]  # of `support`
    lines = [
        "#!/bin/sh",
        f"export PYTHONPATH={shlex.quote(':'.join(paths))}${{PYTHONPATH:+:$PYTHONPATH}}",
        f'exec {shlex.quote(sys.executable)} {shlex.quote(str(program))} "$@"',
    ]
    executable.write_text("\n".join(lines) + "\n", encoding="utf-8")
    executable.chmod(0o755)
    for name in available_maps():
        path = folder / "Maps" / map_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(map_file(name))
    return folder
