"""The plan of `fedqmix ladder`: one recipe on a list of maps, the easiest class first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedqmix.analysis.benchmarks.difficulty import by_difficulty
from fedqmix.envs.maps import available_maps
from fedqmix.runtime.configuration.names import groups
from fedqmix.runtime.configuration.seeds import name_of, take_seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison.plan import Plan, methods_of, tasks_of
from fedqmix.runtime.runs.comparison.words import INSTEAD, refuse_single, refuse_sweeps, take, take_choice, take_names

COMMAND = "ladder"
DRY_RUN, TABLE, JSON = "--dry-run", "--table", "--json"
KEEP = ("all", "best")
LENGTH, STARTS = "stop.env_steps", "evaluation.starts"


@dataclass(frozen=True)
class Ladder:
    """The parsed options of `fedqmix ladder`.

    data: folder of collected runs, or None. keep_all: whether a collected run keeps all checkpoints, or its best
    networks alone. out: folder of table and figure. dry_run: estimate the cost and train nothing. table_alone: train
    nothing. as_json: print the table as JSON.
    """

    plan: Plan
    data: Path | None
    keep_all: bool
    out: Path
    dry_run: bool
    table_alone: bool
    as_json: bool


def read_ladder(words: Sequence[str]) -> Ladder:
    """Parse the words of `fedqmix ladder`.

    Evaluations begin from varied and from fixed starts, as published figures have fixed starts. stop.env_steps holds
    for the maps of this call alone, so the maps of one folder may differ in it. Raises ConfigurationError for invalid
    options; the overrides are checked when a run is composed.
    """
    flags = [word for word in words if word in (DRY_RUN, TABLE, JSON)]
    rest = [word for word in words if word not in flags]
    refuse_single(COMMAND, rest, INSTEAD)
    experiment, rest = take_choice(rest, "experiment", "tuned", groups()["experiment"])
    maps, rest = take_names(rest, "maps", by_difficulty(available_maps()), available_maps())
    algorithms, rest = take_names(rest, "algorithms", ("qmix",), groups()["algorithm"])
    strategies, rest = take_names(rest, "strategies", ("full_sharing",), groups()["strategy"])
    run_dir, rest = take(rest, "run_dir")
    data, rest = take(rest, "data")
    keep, rest = take_choice(rest, "keep", KEEP[0], KEEP)
    if data is None and keep != KEEP[0]:
        raise ConfigurationError(f"keep={keep} deletes the checkpoints of a collected run: data=FOLDER is needed.")
    out, rest = take(rest, "out")
    seeds, rest = take_seeds(rest)
    refuse_sweeps(COMMAND, rest)
    lengths = [word for word in rest if name_of(word) == LENGTH]
    path = Path(f"runs/ladder-{experiment}" if run_dir is None else run_dir)
    plan = Plan(
        command=COMMAND,
        path=path,
        tasks=tasks_of(maps),
        methods=methods_of(algorithms, strategies),
        seeds=tuple(seeds or (1,)),
        overrides=(f"experiment={experiment}", *_starts(rest), *(word for word in rest if word not in lengths)),
        lengths=dict.fromkeys(maps, lengths[-1]) if lengths else {},
    )
    return Ladder(
        plan,
        None if data is None else Path(data),
        keep == KEEP[0],
        path if out is None else Path(out),
        DRY_RUN in flags,
        TABLE in flags,
        JSON in flags,
    )


def _starts(words: Sequence[str]) -> list[str]:
    """Return the default override for the starts of evaluations.

    StarCraft II has its own starts.
    """
    given = any(name_of(word) == STARTS for word in words) or "env=smac" in words
    return [] if given else [f"{STARTS}=both"]
