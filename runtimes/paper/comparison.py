"""The runs of a comparison and their common folder.

paper.json               the overrides that all runs have in common, and which runs belong here
3m/qmix-rs_pps-s1/ ...   a run folder each, as of a single run
logs/                    what each run's process says
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conf.schema import Config
from contracts.errors import CheckpointError, ConfigurationError
from envs import require_world
from runtimes.configuration.overrides import quoted
from runtimes.configuration.seeds import name_of
from runtimes.configuration.settings import DEPLOYMENT, compose
from runtimes.paper.plan import Cell, Plan
from runtimes.run.folder import LOGS
from runtimes.run.lock import LockedFolder
from runtimes.side_by_side.folder import (
    lock_and_note,
    recorded_words,
    refuse_taken,
    require_same,
    share_threads,
    words_kept,
)
from runtimes.side_by_side.run import Run
from strategies import strategy_class

PAPER_FILE = "paper.json"


class Comparison:
    """What a plan comes to: every run's configuration, checked.

    path: the common folder. cells: the runs that are wanted now. overrides: what all have in common.
    """

    def __init__(self, plan: Plan) -> None:
        """Compose and check all; nothing is written.

        Settings that a resumed run may change may differ from what was begun in the folder, and so may the maps,
        algorithms, strategies and seeds. Raises ConfigurationError for settings that make no sense or are unfair, and
        for a folder that holds something else; CheckpointError for a damaged one.
        """
        self.path, self.cells = plan.path, plan.cells
        self._earlier: list[str] = []
        begun = _read(plan.path)
        if begun is None:
            refuse_taken(plan.path, "a comparison")
            overrides = list(plan.overrides)
            overrides += share_threads(overrides, _composed(self.cells[0], overrides), len(self.cells))
        else:
            earlier, self._earlier = begun
            said = {name_of(word) for word in plan.overrides}
            overrides = [*plan.overrides, *(word for word in words_kept(earlier) if name_of(word) not in said)]
            first = self.cells[0]
            advice = "Choose another run_dir."
            require_same(_composed(first, earlier), _composed(first, overrides), plan.path, "runs", advice)
        self.overrides = overrides
        self._configs = _all_composed(self.cells, overrides)

    def config(self, cell: Cell) -> Config:
        """Return a run's configuration."""
        config = self._configs[replace(cell, seed=0)]
        return replace(config, seed=cell.seed, run_dir=str(self.path / cell.place))

    def lock(self) -> LockedFolder:
        """Write down what belongs here, and let no other process write here until what is returned is closed.

        Raises StorageError when the folder cannot be written, or another process writes it.
        """
        places = [cell.place.as_posix() for cell in self.cells]
        record = {"overrides": self.overrides, "runs": list(dict.fromkeys([*self._earlier, *places]))}
        return LockedFolder(self.path, lock_and_note(self.path, PAPER_FILE, record))

    def runs(self) -> dict[Cell, Run]:
        """Return the runs as their folders say they stand."""
        return {cell: self._run(cell) for cell in self.cells}

    def _run(self, cell: Cell) -> Run:
        log = self.path / LOGS / cell.place.with_suffix(".log")
        return Run(cell.name, self.path / cell.place, log, cell.words(self.overrides), self.config(cell))


def _all_composed(cells: Sequence[Cell], overrides: Sequence[str]) -> Mapping[Cell, Config]:
    """Compose one run for each map, algorithm and strategy; a seed changes nothing else."""
    configs = {}
    for cell in dict.fromkeys(replace(cell, seed=0) for cell in cells):
        config = configs[cell] = _composed(cell, overrides)
        require_world(config.map, config.env)
        strategy_class(config.strategy)  # one of the user's own must be there
    return configs


def _composed(cell: Cell, overrides: Sequence[str]) -> Config:
    config = compose([*cell.words(overrides), f"run_dir={quoted(cell.place.as_posix())}"])
    if config.runtime.name == DEPLOYMENT:
        raise ConfigurationError("many runs side by side are for runtime=local: leave runtime= out.")
    for name, value in (("stop.win_rate", config.stop.win_rate), ("stop.rounds", config.stop.rounds)):
        if value is not None:
            raise ConfigurationError(
                f"{name}={value} would give some methods fewer environment steps than others: every run is to play "
                "stop.env_steps of them. Leave it out."
            )
    return config


def _read(path: Path) -> tuple[list[str], list[str]] | None:
    """Return the overrides and the runs a folder was begun with; None when it holds no comparison."""
    file = path / PAPER_FILE
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_bytes())
        overrides, runs = recorded_words(record), record["runs"]
        whole = all(type(one) is str for one in [*overrides, *runs])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is damaged: {error!r}.") from error
    if not whole:
        raise CheckpointError(f"{file} is damaged: overrides and runs have the wrong types.")
    return overrides, runs
