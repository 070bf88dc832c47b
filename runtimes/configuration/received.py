"""The settings that world, mixer and agents are sent by the server, checked as what a stranger may have written.

A party needs numbers and choices of them, and never a path or code: what could name one is taken out, so that a server
that was taken over reads no environment variable, writes no file and starts no program anywhere else.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import yaml

from conf.schema import Config
from contracts.errors import ConfigurationError, RefusedError
from runtimes.configuration.settings import loads

LONGEST = 50_000
"""Characters; a run's settings take three thousand."""
LONGEST_ID = 64
"""Characters of a run's id; ours have sixteen."""
DEEPEST = 3
"""A mapping of sections, which are mappings, which hold lists of words."""


def received(text: str) -> Config:
    """Return a run's settings from the YAML that the server has sent.

    Folders and strategy.code are left out, and threads are no more than this machine's processors (kernels give the
    same bits with any number). Raises ConfigurationError for YAML that is more than names and values, and as
    `settings.compose` does.
    """
    require_plain(text)
    config = loads(text)
    most = os.cpu_count() or 1
    runtime = config.runtime
    return replace(
        config,
        run_dir="",
        resume=None,
        strategy=replace(config.strategy, code=None),
        env=replace(config.env, replay_dir=""),
        runtime=replace(runtime, threads=min(runtime.threads, most), world_threads=min(runtime.world_threads, most)),
    )


def run_state(state: Path, run_id: str) -> Path:
    """Return where a party keeps the states of a run, in its private folder `state`.

    run_id: as the server has sent it. Raises RefusedError for one that is not letters and digits, and so may be a path.
    """
    if not (run_id.isascii() and run_id.isalnum() and len(run_id) <= LONGEST_ID):
        raise RefusedError(f"{run_id[:40]!r} is not a run's id; letters and digits are allowed.")
    return state / run_id / "rounds"


def require_plain(text: str) -> None:
    """Check that a YAML text has no anchors, tags, references and control characters, and that nothing in it is deep.

    Raises ConfigurationError.
    """
    if len(text) > LONGEST:
        raise ConfigurationError(f"the run's settings are longer than {LONGEST} characters.")
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
                raise ConfigurationError("the run's settings have anchors or tags, and are refused.")
            if isinstance(event, yaml.ScalarEvent) and "${" in event.value:
                raise ConfigurationError(f"the run's settings refer to others ({event.value[:80]}), and are refused.")
            if isinstance(event, yaml.ScalarEvent) and has_control_characters(event.value):
                raise ConfigurationError(f"the run's settings hold control characters ({event.value[:80]!r}).")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or (depth == 0 and isinstance(event, yaml.ScalarEvent)):
                raise ConfigurationError(
                    f"the run's settings are no mapping of at most {DEEPEST} levels, and are refused."
                )
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the run's settings cannot be read: {str(error).splitlines()[0]}.") from error


def has_control_characters(text: str) -> bool:
    """Tell whether a text holds what commands a terminal, or what no file can hold (half a surrogate pair)."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
