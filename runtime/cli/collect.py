"""`fedqmix collect`: pack finished runs as small files, for a repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration.runs import require_run, runs_in
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError
from fedqmix.runtime.runs.collecting.folder import collect, require_folder
from fedqmix.runtime.runs.lifecycle.writable import require_writable

HELP = """\
fedqmix collect RUN... data=FOLDER    settings, summary and evaluations of finished runs, a small file each

RUN is a run folder, or one that holds runs; those that are not finished are named and left out. A file is called
MAP-ALGORITHM-STRATEGY-EXPERIMENT-sSEED.tar.xz, with eight digits more where settings differ from the experiment's, and
names no place on this machine. `fedqmix report` and `fedqmix ladder` read it as they read a run folder, but it holds no
networks. A file that holds another run is not replaced.
"""


def collect_command(words: list[str]) -> int:
    """Collect the finished runs of some folders; return 1 when a run could not be collected."""
    options = service_options.parse("collect", [word for word in words if word.startswith("data=")], ("data",))
    data = Path(service_options.required("collect", options, "data", "data=docs/results/data"))
    require_writable(data, "data")
    require_folder("data", data)
    paths = [Path(word) for word in words if not word.startswith("data=")]
    if not paths:
        raise ConfigurationError("fedqmix collect needs a run folder, such as those under runs/.")
    folders = [folder for path in paths for folder in _runs(path)]
    return 1 if collect_all(folders, data, Console()) else 0


def collect_all(folders: Sequence[Path], data: Path, console: Console, *, name_kept: bool = True) -> int:
    """Collect runs and print the results; return the number of runs that could not be collected.

    name_kept: whether runs that were collected already are printed too.
    """
    refused = 0
    for folder in folders:
        try:
            path, new = collect(folder, data)
        except FedqmixError as error:
            refused += 1
            console.print(Text(f"not collected: {error}"), soft_wrap=True)
        else:
            if new or name_kept:
                console.print(Text(f"{path}: {'written' if new else 'there already'}"), soft_wrap=True)
    return refused


def _runs(path: Path) -> list[Path]:
    found = runs_in(path)
    if not found:
        require_run(path)  # raises an error that describes the path
    return found
