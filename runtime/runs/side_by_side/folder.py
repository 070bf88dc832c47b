"""Common folders of several runs: record, threads of the runs, and unchangeable settings."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.choices import values_of
from fedqmix.runtime.configuration.earlier import before
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import RESUMABLE
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.lifecycle.lock import make_and_lock, require_free
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.runs.side_by_side.cores import shared_out
from fedqmix.server.records import write_json

THREADS = ("runtime.threads", "runtime.world_threads")
"""Threads of a run, for computing and for playing; it never does both at the same time."""


KNOWS = "knows"
"""The entry of a record that lists the settings known to its version; older records lack it."""


def recorded_words(record: Mapping[str, Any]) -> list[str]:
    """Return a record's overrides, and the values of settings that its version lacked.

    Raises KeyError and TypeError for a damaged record.
    """
    words = list(record["overrides"])
    known = {*record.get(KNOWS, ()), *(name_of(str(word)) for word in words)}
    earlier = before("smac" if "env=smac" in words else "skirmish")
    lacking = {name: value for name, value in earlier.items() if name not in known}
    return [*words, *(f"{name}={'null' if value is None else value}" for name, value in lacking.items())]


def words_kept(words: Sequence[str]) -> list[str]:
    """Return the recorded words that stay valid for a folder's runs without being repeated.

    They set threads, and settings that did not exist in an older folder's version.
    """
    return [word for word in words if name_of(word) in (*THREADS, *before("skirmish"))]


def share_threads(words: Sequence[str], config: Config, runs: int) -> list[str]:
    """Return overrides of unset threads, so that all cores are busy; none for equal defaults.

    words: the overrides of all runs. config: the configuration composed from them. runs: the number of runs.
    """
    given = {name_of(word) for word in words}
    threads = config.runtime.threads if THREADS[0] in given else shared_out(runs)
    return [f"{name}={threads}" for name in THREADS if name not in given and attrgetter(name)(config) != threads]


def require_same(begun: Config, wanted: Config, path: Path, what: str, advice: str) -> None:
    """Check that resumed runs keep their settings, except those that a resumed run may change.

    what: the folder's contents in a word ("seeds"). advice: a remedy for the error. Raises ConfigurationError.
    """
    settings_then, settings_now = values_of(begun), values_of(wanted)
    for name in {**settings_then, **settings_now}:
        was, now = settings_then.get(name), settings_now.get(name)
        if was != now and not f"{name}.".startswith(RESUMABLE):
            raise ConfigurationError(
                f"{path} holds {what} of another experiment: {name} was {was} and would be {now}. {advice}"
            )


def refuse_taken(path: Path, what: str, besides: Collection[str] = ()) -> None:
    """Check that a folder is new or empty, and can be written.

    what: the folder's future contents, for the error. besides: names that it may hold. Raises ConfigurationError.
    """
    require_writable(path)
    if (path / RUN).exists():
        raise ConfigurationError(f"run_dir={path} holds a single run: choose another folder for {what}.")
    require_free(path, besides)


def lock_and_note(path: Path, file: str, record: Mapping[str, Any]) -> int:
    """Make a folder, lock it for this process and write its record; return the descriptor.

    Raises StorageError when it cannot be written, or another process has locked it.
    """
    lock = make_and_lock(path)
    try:
        write_json(path / file, {**record, KNOWS: list(before("skirmish"))})
    except BaseException:
        os.close(lock)
        raise
    return lock
