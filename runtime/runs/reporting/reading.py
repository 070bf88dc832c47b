"""Reading of runs from paths: runs of fedqmix and EPyMARL, and runs in marl-eval's files.

Runs of fedqmix lie in run folders, or in one file each when collected (runtime.runs.collecting).
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
from fedqmix.runtime.runs.lifecycle.summaries import read_evaluations
from fedqmix.runtime.runs.side_by_side.record import names_of
from fedqmix.runtime.storage.archive import SUFFIX
from fedqmix.runtime.storage.untrusted import ADVICE
from fedqmix.server.records import Row, score_of

WORLD = "env."
NOT_LEARNING = ("seed", "run_dir", "resume", "experiment", "map", *("runtime.", "logger.", "checkpoint.", "stop."))
"""Settings, and prefixes of settings, without effect on how a method learns."""
NOT_THE_WORLD = ("env.name", "env.games", "env.call_seconds", "env.replay_dir")
"""Settings of the world that decide how it is executed, without effect on its rules."""


def read_all(paths: Iterable[Path]) -> list[Run]:
    """Read all runs at some paths, each once, including runs without an evaluation.

    A path is or holds run folders, collected runs, or folders of EPyMARL's Sacred runs; or it is a file in marl-eval's
    schema. Raises CheckpointError for any other path, ConfigurationError for a damaged file.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        if path.is_file() and not path.name.endswith(SUFFIX):
            found |= {Path(run.label): run for run in read_marl_eval(path)}
            continue
        folders, others = runs_in(path), sacred_folders(path) if path.is_dir() else []
        collected = [path] if path.is_file() else archives_in(path)
        if not folders and not others and not collected:
            require_run(path)  # raises an error that describes the path
        found |= {folder.resolve(): read_run(folder) for folder in folders}
        found |= {file.resolve(): read_collected(file) for file in collected}
        found |= {folder.resolve(): read_sacred(folder) for folder in others}
    return list(found.values())


def read_run(folder: Path) -> Run:
    """Read a run folder of fedqmix. Raises CheckpointError when it is damaged."""
    require_run(folder)
    tree = _tree(folder, read_plain(folder / CONFIG))
    summary, rows = read_evaluations(folder)
    task, method = names_of(folder) or ("", "")
    return replace(_run(folder, tree, summary, rows), sent=_sent(folder), task=task, method=method)


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
    """Return a run's settings, completed by settings that are newer than the run.

    Otherwise runs of two versions would seem equal in every setting that the older one lacks. Raises CheckpointError
    for values that are not valid settings.
    """
    try:
        return OmegaConf.to_container(completed(raw), resolve=True)
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        raise CheckpointError(_damaged(place, str(error).splitlines()[0])) from error


def _run(place: Path, tree: Any, summary: Mapping[str, Any], rows: Sequence[Row]) -> Run:
    """tree: the run's settings, nested; a run of another version may have other settings."""
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
            score=score_of(rows, summary),
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
    """Return the summary's record of refused agents.

    Raises CheckpointError when it is not valid.
    """
    found = summary.get("refused", {})
    valid = isinstance(found, dict) and all(
        isinstance(one, dict) and type(one.get("times")) is int and isinstance(one.get("last"), str)
        for one in found.values()
    )
    if not valid:
        raise CheckpointError(f"{place / 'summary.json'} is damaged: 'refused' is not a record of refusals. {ADVICE}")
    return dict(found)


def _word(settings: Mapping[str, Any], name: str) -> str:
    """Return a setting that is a text. Raises KeyError when it is missing, ValueError otherwise."""
    if not isinstance(value := settings[name], str):
        raise ValueError(f"{name}={str(value)[:80]} is not a word")
    return value


def _number(settings: Mapping[str, Any], name: str, least: int) -> int:
    """Return a setting that is a whole number, at least `least`; raises as `_word` does."""
    value = settings[name]
    if type(value) is not int or value < least:
        raise ValueError(f"{name}={str(value)[:80]} is not a whole number, at least {least}")
    return value


def _damaged(place: Path, what: str) -> str:
    return f"{place / CONFIG} is damaged: {what}. {ADVICE}"


def _of_its_map(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the settings whose values come from the experiment's exception for the map."""
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
