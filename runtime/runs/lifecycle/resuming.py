"""The checkpoint that a run resumes from, checked before the run is built or written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.runs import run_of
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.runs.lifecycle.fitting import require_agents, require_mixer, require_shared, require_strategy
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.runtime.storage.untrusted import ADVICE, is_there, read_file, read_object
from fedqmix.server.records import SCORES, parse_rows, require_position, score_of
from fedqmix.server.records.reading import LARGEST
from fedqmix.server.round_end import Counters

AGENTS, MIXER, AGGREGATE, STRATEGY = "agents", "mixer", "aggregate", "strategy"
"""The groups of a checkpoint; in a deployment, agents and mixer save their own groups."""


@dataclass(frozen=True)
class Resumed:
    """A checkpoint that fits the run's settings and files, and the server's counters in it."""

    checkpoint: Checkpoint
    counters: Counters


def resumed(config: Config, folder: RunFolder, store: CheckpointStore, owner: str | None = None) -> Resumed | None:
    """Load the checkpoint of config.resume; None for a new run, or one without any checkpoint.

    No file is changed. owner: the party that owns the checkpoint, for errors; None for a run in one process.

    Raises CheckpointError when the checkpoint does not fit the settings, and when checkpoint or metrics are damaged or
    belong to another run.
    """
    if config.resume is None or (run_of(Path(config.resume)) == Path(config.resume) and folder.untouched):
        return None
    checkpoint = store.load(store.locate(Path(config.resume)), owner)
    store.require_own(checkpoint)
    counters = _counters(checkpoint)
    _require_metrics(folder.metrics, counters.metrics_position, team_spec(config.map, config.env).score)
    try:
        _require_fit(config, checkpoint, counters)
    except CheckpointError as error:
        raise CheckpointError(f"{error} They are in {folder.config}.") from error
    return Resumed(checkpoint, counters)


def _require_metrics(file: Path, position: int, score: Score) -> None:
    """Check the rows that a resumed run keeps; bytes after `position` are cut off later. score: the world's."""
    rows = parse_rows(file, read_file(file, LARGEST)[:position]) if is_there(file) else []
    if rows and score_of(rows) is not score:
        raise CheckpointError(f"{file} is damaged: the score of its rows is not the {SCORES[score].label}. {ADVICE}")
    require_position(file, position)


def refused_before(folder: RunFolder) -> dict[int, dict[str, Any]]:
    """Return the summary's record of refused agents; empty when it is missing or damaged."""
    try:
        found = read_object(folder.summary).get("refused", {})
        return {int(agent): {"times": int(one["times"]), "last": str(one["last"])} for agent, one in found.items()}
    except (CheckpointError, ConfigurationError, OSError, AttributeError, KeyError, TypeError, ValueError):
        return {}


def _counters(checkpoint: Checkpoint) -> Counters:
    """Return the server's counters in a checkpoint; counters that it lacks are 0."""
    place, facts = checkpoint.path / "facts.json", checkpoint.facts
    known = {field.name: field for field in fields(Counters)}
    for name, value in facts.items():
        if name not in known:
            raise CheckpointError(f"{place} cannot be used: it counts {name[:80]!r}, which this fedqmix does not know.")
        whole = str(known[name].type) == "int"
        if type(value) not in ((int,) if whole else (int, float)) or not math.isfinite(value):
            raise CheckpointError(
                f"{place} is damaged: {name} must be a {'whole number' if whole else 'finite number'}, and is "
                f"{str(value)[:80]!r}."
            )
    _require_counted(place, facts)
    return Counters(**facts)


def _require_counted(place: Path, facts: Mapping[str, Any]) -> None:
    for name in ("round", "env_step", "metrics_position"):
        if facts.get(name, -1) < 0:
            raise CheckpointError(f"{place} is damaged: {name} must be a whole number, at least 0.")


def _require_fit(config: Config, checkpoint: Checkpoint, counters: Counters) -> None:
    spec, place, tensors = team_spec(config.map, config.env), checkpoint.path, checkpoint.tensors
    if checkpoint.rings:  # saved by a run in one process, with agents and mixer
        for group in (AGENTS, MIXER):
            if group not in tensors:
                raise CheckpointError(f"{place} is damaged: it has no {group}.")
        require_agents(place / "agents.safetensors", tensors[AGENTS], config, spec, spec.n_agents)
        require_mixer(place / "mixer.safetensors", tensors[MIXER], spec, config.algorithm)
    if counters.round:  # before the first round there is no aggregate
        require_shared(place / "aggregate.safetensors", tensors.get(AGGREGATE, {}), spec, config)
        require_strategy(place / "strategy.safetensors", tensors.get(STRATEGY, {}), spec, config)
