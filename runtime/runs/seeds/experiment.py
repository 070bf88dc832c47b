"""An experiment of several seeds: its runs, their common folder and its record.

seeds.json    the seeds and the overrides that all runs share
seed-1/ ...   one run folder per seed, like a single run's
logs/         the output of each run's process
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.choices import chosen_by, words_of
from fedqmix.runtime.configuration.overrides import parse, parse_one, quoted
from fedqmix.runtime.configuration.runs import LOGS
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import DEPLOYMENT, compose, require_resumable
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.runs.lifecycle.lock import LockedFolder
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.side_by_side.folder import (
    lock_and_note,
    recorded_words,
    refuse_taken,
    require_same,
    share_threads,
    words_kept,
)
from fedqmix.runtime.runs.side_by_side.memory import memory_warning
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.storage.untrusted import read_object

SEEDS_FILE = "seeds.json"
RUN_DIR = "run_dir=runs/${map}-${algorithm.name}-${strategy.name}-seeds-${started:}"
"""The default common folder: named like a single run's folder, without a seed."""


class Experiment(LockedFolder):
    """Runs that differ in their seed alone; the common folder is locked until `close`.

    path: the common folder, as passed by the caller. seeds: the seeds to train now. overrides: shared by all runs.
    config: the configuration of one run. warning: a message to print before the runs start, if any.
    """

    warning: str | None = None

    def __init__(self, path: Path, seeds: Sequence[int], overrides: Sequence[str], config: Config, lock: int) -> None:
        """Callers use `begin` or `resume`. lock: the locked file's descriptor."""
        super().__init__(path, lock)
        self.seeds = tuple(seeds)
        self.overrides = list(overrides)
        self.config = config

    @classmethod
    def begin(cls, words: Sequence[str], seeds: Sequence[int]) -> Self:
        """Begin an experiment in the folder of run_dir, or resume one with the same settings there.

        Settings that a resumed run may change may differ, and so may the seeds. Without runtime.threads, the runs of a
        new experiment share the cores evenly.
        Raises ConfigurationError for invalid words and for a folder with other content, StorageError when the folder
        cannot be written.
        """
        path = _folder(words)
        common = [word for word in words if name_of(word) != "run_dir"]
        require_writable(path)
        begun = _read(path)
        if begun is None:
            refuse_taken(path, "several seeds")
            threads = share_threads(common, _composed(common, path, seeds[0]), len(seeds))
            return cls._written(path, seeds, common + threads, seeds)
        earlier, overrides = begun
        given = {name_of(word) for word in common}
        common += [word for word in words_kept(overrides) if name_of(word) not in given]
        advice = f"Choose another run_dir, or go on with what is there: resume={path}"
        require_same(_composed(overrides, path, seeds[0]), _composed(common, path, seeds[0]), path, "seeds", advice)
        return cls._written(path, seeds, common, list(dict.fromkeys([*earlier, *seeds])))

    @classmethod
    def resume(cls, path: Path, words: Sequence[str]) -> Self:
        """Resume all seeds of a folder. words: the overrides beside resume=.

        Raises ConfigurationError for settings that a resumed run cannot change, CheckpointError for a damaged folder.
        """
        begun = _read(path)
        if begun is None:
            raise CheckpointError(f"{path} is not a folder of several seeds: it has no {SEEDS_FILE}.")
        require_resumable(parse(words))
        require_writable(path, "resume")
        seeds, overrides = begun
        changed = {name_of(word) for word in words}
        return cls._written(path, seeds, [word for word in overrides if name_of(word) not in changed] + [*words], seeds)

    @classmethod
    def _written(cls, path: Path, seeds: Sequence[int], overrides: list[str], seeds_in_all: Sequence[int]) -> Self:
        """Compose a run, check its requirements, lock the folder, and write its record."""
        config = _composed(overrides, path, seeds[0])
        require_ready(config)
        runs = _runs(path, seeds, overrides, config)
        waiting = [config for run in runs if run.state is State.WAITING]
        warning = memory_warning(waiting, resumed=holds_seeds(path))
        lock = lock_and_note(path, SEEDS_FILE, {"seeds": list(seeds_in_all), "overrides": overrides})
        experiment = cls(path, seeds, overrides, config, lock)
        experiment.warning = warning
        return experiment

    def runs(self) -> list[Run]:
        """Return the runs, with their states as read from their folders."""
        return _runs(self.path, self.seeds, self.overrides, self.config)

    def run_dir(self, seed: int) -> Path:
        """Return a seed's run folder."""
        return run_dir(self.path, seed)


def log(path: Path, seed: int) -> Path:
    """Return the log file of a seed's process."""
    return path / LOGS / f"seed-{seed}.log"


def _runs(path: Path, seeds: Sequence[int], overrides: Sequence[str], config: Config) -> list[Run]:
    return [
        Run(f"seed {seed}", run_dir(path, seed), log(path, seed), [*overrides, f"seed={seed}"], config)
        for seed in seeds
    ]


def run_dir(path: Path, seed: int) -> Path:
    """Return a seed's run folder in the common folder."""
    return path / f"seed-{seed}"


def holds_seeds(path: Path) -> bool:
    """Return whether a folder holds an experiment of several seeds."""
    return (path / SEEDS_FILE).is_file()


def folder_of_seeds(words: Sequence[str]) -> Path | None:
    """Return the folder of resume= when it holds several seeds; None otherwise."""
    for word in words:
        if name_of(word) == "resume" and "=" in word:
            override = parse_one(word)
            folder = None if override.is_sweep_override() else override.value()
            return Path(str(folder)) if folder is not None and holds_seeds(Path(str(folder))) else None
    return None


def _folder(words: Sequence[str]) -> Path:
    """Return the common folder, from run_dir.

    Raises ConfigurationError when it depends on the seed.
    """
    given = [word for word in words if name_of(word) == "run_dir"]
    if not given:
        return Path(compose([*words, RUN_DIR]).run_dir)
    if any("${seed}" in word for word in given):
        raise ConfigurationError(
            f"'{given[-1]}': with several seeds run_dir is their common folder, and the runs are run_dir/seed-1 and so "
            "on: leave ${seed} out."
        )
    return Path(compose(words).run_dir)


def _composed(overrides: Sequence[str], path: Path, seed: int) -> Config:
    config = compose([*overrides, f"seed={seed}", f"run_dir={quoted(str(run_dir(path, seed)))}"])
    if config.runtime.name == DEPLOYMENT:
        raise ConfigurationError(
            "several seeds side by side are for runtime=local; with runtime=deployment: -m seed=1,2,3"
        )
    return config


def _read(path: Path) -> tuple[list[int], list[str]] | None:
    """Read the seeds and overrides of a folder's record; None when there is none.

    Raises CheckpointError when it is damaged.
    """
    if not holds_seeds(path):
        return None
    file = path / SEEDS_FILE
    try:
        record = read_object(file)
        seeds, overrides = record["seeds"], recorded_words(record)
        whole = bool(seeds) and all(type(one) is int for one in seeds) and all(type(one) is str for one in overrides)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is damaged: {error!r}.") from error
    if not whole:
        raise CheckpointError(f"{file} is damaged: seeds and overrides have the wrong types.")
    return seeds, words_of(overrides, chosen_by(overrides))  # older versions took settings of any method
