"""What folders of several runs have in common: threads for their runs, and what may not change in them later."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.earlier import before
from fedqmix.runtime.configuration.names import settings
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import RESUMABLE
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.lifecycle.lock import make_and_lock, require_free
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.side_by_side.cores import shared_out
from fedqmix.server.records import write_json

THREADS = ("runtime.threads", "runtime.world_threads")
"""A run computes with the first or plays with the second, never both at a time."""


KNOWS = "knows"
"""The entry of a folder's record that lists settings which were there when it was begun; older records have none."""


def recorded_words(record: Mapping[str, Any]) -> list[str]:
    """Return the overrides of a folder's record, with those that say what an older version did without a word.

    Raises KeyError and TypeError for a damaged record.
    """
    words = list(record["overrides"])
    known = {*record.get(KNOWS, ()), *(name_of(str(word)) for word in words)}
    earlier = before("smac" if "env=smac" in words else "skirmish")
    return [*words, *(f"{name}={value}" for name, value in earlier.items() if name not in known)]


def words_kept(words: Sequence[str]) -> list[str]:
    """Return the words that hold for all runs of a folder without being said again.

    They are those of threads, and of settings that an older folder's runs have without a word.
    """
    return [word for word in words if name_of(word) in (*THREADS, *before("skirmish"))]


def share_threads(words: Sequence[str], config: Config, runs: int) -> list[str]:
    """Return what is to be said of threads where nothing is: as many as keep all cores busy; none if that is so.

    words: said of all runs. config: what comes of them. runs: how many there are.
    """
    said = {name_of(word) for word in words}
    threads = config.runtime.threads if THREADS[0] in said else shared_out(runs)
    return [f"{name}={threads}" for name in THREADS if name not in said and attrgetter(name)(config) != threads]


def require_same(begun: Config, said: Config, path: Path, what: str, advice: str) -> None:
    """Check that runs go on with the settings they were begun with, but for those that a resumed run may change.

    what: the folder's contents in a word ("seeds"). advice: what else can be done. Raises ConfigurationError.
    """
    for name in settings():
        was, now = attrgetter(name)(begun), attrgetter(name)(said)
        if was != now and not f"{name}.".startswith(RESUMABLE):
            raise ConfigurationError(
                f"{path} holds {what} of another experiment: {name} was {was} and would be {now}. {advice}"
            )


def refuse_taken(path: Path, what: str, besides: Collection[str] = ()) -> None:
    """Check that a folder is new or empty, and can be written.

    what: what it is to hold. besides: names that may be in it. Raises ConfigurationError.
    """
    require_writable(path)
    if (path / RUN).exists():
        raise ConfigurationError(f"run_dir={path} holds a single run: choose another folder for {what}.")
    require_free(path, besides)


def lock_and_note(path: Path, file: str, record: Mapping[str, Any]) -> int:
    """Make a folder, lock it for this process, and write down what it holds; return the lock's descriptor.

    Raises StorageError when it cannot be written, or another process has locked it.
    """
    lock = make_and_lock(path)
    try:
        write_json(path / file, {**record, KNOWS: list(before("skirmish"))})
    except BaseException:
        os.close(lock)
        raise
    return lock
