"""From the paths somebody gives to the runs they mean: ours, EPyMARL's, and those in marl-eval's files.

Ours lie in run folders, or are collected in a file each (runtime.runs.collecting).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedqmix.analysis.reports.peers import read_marl_eval, read_sacred, sacred_folders
from fedqmix.analysis.reports.runs import OURS, Run
from fedqmix.runtime.configuration.exceptions import exception_settings
from fedqmix.runtime.configuration.idle import SERVER_OPTIMISER, STRATEGY, idle_settings
from fedqmix.runtime.configuration.plain import parse_plain, read_plain
from fedqmix.runtime.configuration.runs import CONFIG, require_run, runs_in
from fedqmix.runtime.configuration.settings import completed
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.deployment.byte_book import read_ledger
from fedqmix.runtime.runs.collecting.collected import Collected
from fedqmix.runtime.runs.collecting.folder import archives_in
from fedqmix.runtime.runs.lifecycle.summaries import read_summary, require_evaluations
from fedqmix.runtime.storage.archive import SUFFIX
from fedqmix.runtime.storage.untrusted import ADVICE
from fedqmix.server.records import Row, read_rows

WORLD = "env."
NOT_LEARNING = ("seed", "run_dir", "resume", "experiment", "map", *("runtime.", "logger.", "checkpoint.", "stop."))
"""Settings, and beginnings of their names, that do not decide how a method learns."""
NOT_THE_WORLD = ("env.name", "env.games", "env.call_seconds", "env.replay_dir")
"""Settings of the world that say how it is run, not what it is."""


def read_all(paths: Iterable[Path]) -> list[Run]:
    """Read all runs that paths mean, each once, those without an evaluation too.

    A path is a run folder or holds some, is or holds collected runs or folders of EPyMARL's Sacred runs, or is a file
    in marl-eval's schema. Raises CheckpointError for a path that is nothing of all this, ConfigurationError for a
    damaged file.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        if path.is_file() and not path.name.endswith(SUFFIX):
            found |= {Path(run.label): run for run in read_marl_eval(path)}
            continue
        folders, others = runs_in(path), sacred_folders(path) if path.is_dir() else []
        collected = [path] if path.is_file() else archives_in(path)
        if not folders and not others and not collected:
            require_run(path)  # says what it is instead
        found |= {folder.resolve(): read_run(folder) for folder in folders}
        found |= {file.resolve(): read_collected(file) for file in collected}
        found |= {folder.resolve(): read_sacred(folder) for folder in others}
    return list(found.values())


def read_run(folder: Path) -> Run:
    """Read a run folder of ours. Raises CheckpointError when it is damaged."""
    require_run(folder)
    tree = _tree(folder, read_plain(folder / CONFIG))
    metrics, summary = folder / "metrics.jsonl", read_summary(folder)
    rows = read_rows(metrics)
    require_evaluations(metrics, summary, rows)
    return replace(_run(folder, tree, summary, rows), sent=_sent(folder))


def read_collected(path: Path) -> Run:
    """Read a collected run, which has no networks. Raises CheckpointError when it is damaged."""
    found = Collected.read(path)
    tree = _tree(path, _settings(path, found.files[CONFIG].decode()))
    return _run(path, tree, found.summary, found.rows)


def _settings(place: Path, text: str) -> DictConfig:
    try:
        return parse_plain(text)
    except ConfigurationError as error:
        raise CheckpointError(_damaged(place, str(error).removesuffix("."))) from error


def _tree(place: Path, raw: DictConfig) -> Any:
    """Return a run's settings with those that it was begun without.

    Otherwise runs of two versions would look alike in every setting that the older one does not name. Raises
    CheckpointError where what stands there cannot be settings.
    """
    try:
        return OmegaConf.to_container(completed(raw), resolve=True)
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        raise CheckpointError(_damaged(place, str(error).splitlines()[0])) from error


def _run(place: Path, tree: Any, summary: Mapping[str, Any], rows: Sequence[Row]) -> Run:
    """tree: every setting as the run had it; an older version may have known others than this one."""
    found = dict(_leaves("", tree))
    unused = idle_settings(str(found.get(STRATEGY)), str(found.get(SERVER_OPTIMISER)))
    settings = {name: value for name, value in found.items() if name not in unused}
    try:
        return Run(
            label=str(place),
            source=OURS,
            world=_word(settings, "env.name"),
            map=_word(settings, "map"),
            algorithm=_word(settings, "algorithm.name"),
            strategy=_word(settings, "strategy.name"),
            experiment=_word(settings, "experiment"),
            seed=_number(settings, "seed", 0),
            rows=rows,
            game=str(summary["game"]) if summary.get("game") else None,
            episodes=_number(settings, "evaluation.episodes", 1),
            every_env_steps=_number(settings, "evaluation.every_env_steps", 1),
            starts="fixed" if _word(settings, "evaluation.starts") == "fixed" else "varied",
            world_settings=_chosen(settings, WORLD, NOT_THE_WORLD),
            settings=_chosen(settings, "", (WORLD, "evaluation.", *NOT_LEARNING)),
            of_its_map=_of_its_map(settings),
            outcome=str(summary.get("outcome", "no end yet")),
            command=str(summary.get("command", "")),
            versions=summary.get("versions", {}),
            machine=summary.get("machine", {}),
            refused=_refused(place, summary),
        )
    except KeyError as error:
        raise CheckpointError(_damaged(place, f"it does not set {error.args[0]}")) from error
    except ValueError as error:
        raise CheckpointError(_damaged(place, str(error))) from error


def _refused(place: Path, summary: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return which agents were refused. Raises CheckpointError for what no run writes."""
    found = summary.get("refused", {})
    alike = isinstance(found, dict) and all(
        isinstance(told, dict) and type(told.get("times")) is int and isinstance(told.get("last"), str)
        for told in found.values()
    )
    if not alike:
        raise CheckpointError(f"{place / 'summary.json'} is damaged: 'refused' is no list of refusals. {ADVICE}")
    return dict(found)


def _word(settings: Mapping[str, Any], name: str) -> str:
    """Return a setting that is a word. Raises KeyError when it is not set, ValueError for another value."""
    if not isinstance(value := settings[name], str):
        raise ValueError(f"{name}={str(value)[:80]} is not a word")
    return value


def _number(settings: Mapping[str, Any], name: str, least: int) -> int:
    """Return a setting that is a whole number; raises as `_word` does."""
    value = settings[name]
    if type(value) is not int or value < least:
        raise ValueError(f"{name}={str(value)[:80]} is not a whole number, at least {least}")
    return value


def _damaged(place: Path, what: str) -> str:
    return f"{place / CONFIG} is damaged: {what}. {ADVICE}"


def _of_its_map(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the settings that are what the run's experiment sets on its map alone."""
    own = exception_settings(str(settings["experiment"]), str(settings["map"]))
    return frozenset(name for name, value in own.items() if settings.get(name) == value)


def _leaves(prefix: str, tree: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, dict):
        yield prefix, tree
        return
    for name, value in tree.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else str(name), value)


def _chosen(settings: Mapping[str, Any], prefix: str, other_than: Sequence[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in settings.items()
        if name.startswith(prefix) and not name.startswith(tuple(other_than))
    }


def _sent(folder: Path) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in read_ledger(folder):
        sums[line.channel] = sums.get(line.channel, 0) + line.bytes_in + line.bytes_out
    return sums
