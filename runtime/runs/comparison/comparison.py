"""The runs of a comparison and their common folder.

paper.json, ladder.json  the command's record (record.py)
3m/qmix-rs_pps-s1/ ...   one run folder per run, like a single run's
logs/                    the output of each run's process
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.choices import require_used
from fedqmix.runtime.configuration.early_stop import conditions_of
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.runs import LOGS
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import DEPLOYMENT, compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison.plan import Cell, Plan
from fedqmix.runtime.runs.lifecycle.lock import LockedFolder
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.side_by_side.folder import (
    lock_and_note,
    refuse_taken,
    require_same,
    share_threads,
    words_kept,
)
from fedqmix.runtime.runs.side_by_side.memory import memory_warning
from fedqmix.runtime.runs.side_by_side.record import Names, Record, read_record
from fedqmix.runtime.runs.side_by_side.run import Run, State

LENGTH = "stop.env_steps"
OUTCOME = ("ladder.md", "ladder.svg")
"""Files that a folder may hold before any run: a table of runs from other folders."""


class Comparison:
    """The runs of a plan, with every run's configuration checked.

    path: the common folder. cells: the runs of this call. heads: the columns of a run's names in tables. overrides: the
    overrides that all runs share.
    """

    def __init__(self, plan: Plan) -> None:
        """Compose and check every run; nothing is written.

        Settings that a resumed run may change may differ from the folder's record, and so may the maps, algorithms,
        strategies and seeds. Raises ConfigurationError for invalid or unfair settings and for a folder with other
        content, CheckpointError for a damaged folder.
        """
        self.path, self.cells, self.heads = plan.path, plan.cells, plan.heads
        self._named = plan.named
        self._file, self._equal_steps = plan.path / f"{plan.command}.json", plan.equal_steps
        require_used(plan.overrides, [cell.chosen for cell in plan.cells])
        require_writable(self.path)
        self._begun = read_record(self._file)
        begun = self._begun
        self._lengths = {task: f"{LENGTH}={steps}" for task, steps in begun.env_steps.items()} if begun else {}
        self._lengths |= plan.lengths
        self.overrides = list(plan.overrides)
        first = self.cells[0]
        if begun is None:
            refuse_taken(plan.path, "a comparison", OUTCOME)
            self.overrides += share_threads(self.overrides, self._composed(first), len(self.cells))
        else:
            given = {name_of(word) for word in plan.overrides}
            self.overrides += [word for word in words_kept(begun.overrides) if name_of(word) not in given]
            earlier = self._composed(first, begun.overrides)
            require_same(earlier, self._composed(first), plan.path, "runs", "Choose another run_dir.")
        self._configs = self._all_composed()
        if begun is not None and begun.overrides != self.overrides:
            self._require_same(begun)

    def config(self, cell: Cell) -> Config:
        """Return a run's configuration."""
        config = self._configs[replace(cell, seed=0)]
        return replace(config, seed=cell.seed, run_dir=str(self.path / cell.place))

    def lock(self) -> LockedFolder:
        """Write the folder's record, and lock the folder until the returned object is closed.

        Raises StorageError when the folder cannot be written, or another process writes it.
        """
        places = [*(self._begun.runs if self._begun else ()), *(cell.place.as_posix() for cell in self.cells)]
        record = Record(self.overrides, list(dict.fromkeys(places)), self._env_steps(), self._names())
        return LockedFolder(self.path, lock_and_note(self.path, self._file.name, record.written()))

    def runs(self) -> dict[Cell, Run]:
        """Return the runs, with their states as read from their folders."""
        return {cell: self._run(cell) for cell in self.cells}

    def memory_warning(self, runs: Mapping[Cell, Run]) -> str | None:
        """Check that the runs which train side by side fit into memory; return a warning, if any.

        Raises ConfigurationError when not even their start fits.
        """
        waiting = [self.config(cell) for cell, run in runs.items() if run.state is State.WAITING]
        return memory_warning(waiting, resumed=self._begun is not None)

    def words(self, cell: Cell) -> list[str]:
        """Return a run's command line without its folder."""
        return self._words(cell, self.overrides)

    def _run(self, cell: Cell) -> Run:
        log = self.path / LOGS / cell.place.with_suffix(".log")
        return Run(cell.name, self.path / cell.place, log, self.words(cell), self.config(cell))

    def _words(self, cell: Cell, overrides: Sequence[str]) -> list[str]:
        length = [self._lengths[cell.task.name]] if cell.task.name in self._lengths else []
        return [*cell.words(overrides), *length]

    def _env_steps(self) -> dict[str, int]:
        """Return stop.env_steps of the tasks for which it was set, now or earlier."""
        earlier = self._begun.env_steps if self._begun else {}
        own = [cell for cell in self.cells if cell.task.name in self._lengths]
        return {**earlier, **{cell.task.name: self.config(cell).stop.env_steps for cell in own}}

    def _names(self) -> dict[str, Names]:
        """Return the names of all runs of the folder by place; empty where the plan does not name its methods."""
        earlier = self._begun.names if self._begun else {}
        named = self.cells if self._named else ()
        return {**earlier, **{cell.place.as_posix(): Names(*cell.names) for cell in named}}

    def _all_composed(self) -> Mapping[Cell, Config]:
        """Compose one run per task and method; seeds change no other setting."""
        configs = {}
        for cell in dict.fromkeys(replace(cell, seed=0) for cell in self.cells):
            config = configs[cell] = self._composed(cell)
            require_ready(config)
        return configs

    def _require_same(self, begun: Record) -> None:
        """Check that the folder's runs keep the settings of their own method, which another's configuration lacks."""
        held = [replace(cell, seed=0) for cell in self.cells if cell.place.as_posix() in begun.runs]
        for cell in dict.fromkeys(held):
            earlier = self._composed(cell, begun.overrides)
            require_same(earlier, self._configs[cell], self.path, "runs", "Choose another run_dir.")

    def _composed(self, cell: Cell, overrides: Sequence[str] | None = None) -> Config:
        """Compose a run. overrides: shared by all runs; by default those of this call."""
        words = self._words(cell, self.overrides if overrides is None else overrides)
        config = compose([*words, f"run_dir={quoted(cell.place.as_posix())}"])
        if config.runtime.name == DEPLOYMENT:
            raise ConfigurationError("many runs side by side are for runtime=local: leave runtime= out.")
        if self._equal_steps:
            _require_equal_steps(config)
        return config


def _require_equal_steps(config: Config) -> None:
    for name, value in (conditions_of(config.stop) | {"stop.rounds": config.stop.rounds}).items():
        if value is not None:
            raise ConfigurationError(
                f"{name}={value} would give some methods fewer environment steps than others: every run is to play "
                "stop.env_steps of them. Leave it out."
            )
