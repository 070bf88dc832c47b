"""Runs of other programs: EPyMARL's Sacred folders, and files in marl-eval's schema.

Sacred's FileStorageObserver writes one folder per run: config.json, metrics.json ({metric: {steps, timestamps,
values}}) and info.json, where EPyMARL stores the same as {metric: values, metric_T: steps}. Gorsane et al. 2022
(arXiv 2209.10485) define marl-eval's schema: environment -> task -> algorithm -> seed -> step_<k>.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fedqmix.analysis.reports.runs import Run
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.server.records import Row, read_document, row_fault, score_of
from fedqmix.server.records.scores import RETURN, WON, std_of

LARGEST = 256 * 2**20
"""Largest size of a file in bytes; marl-eval's files hold every evaluation of many runs."""
CONFIG, METRICS, INFO = "config.json", "metrics.json", "info.json"
_WORLDS = {"sc2": "smac"}  # EPyMARL's name of a world -> ours
_TAKEN = (WON, RETURN, std_of(RETURN), "test_ep_length_mean")
_MARL_EVAL = {"win_rate": WON, "return": RETURN, "episode_length": "test_ep_length_mean"}


def sacred_folders(path: Path) -> list[Path]:
    """Return the folders of Sacred runs at or below a path."""
    found = [file.parent for name in (METRICS, INFO) for file in path.glob(f"**/{name}")]
    return sorted({folder for folder in found if (folder / CONFIG).is_file()})


def read_sacred(folder: Path) -> Run:
    """Read a run of EPyMARL.

    Raises ConfigurationError when its files are not in EPyMARL's format.
    """
    try:
        config = _read(folder / CONFIG)
        arguments = config["env_args"]
        map_ = str(arguments.get("map_name") or arguments["key"])
        series = _from_metrics(_read(folder / METRICS)) if (folder / METRICS).is_file() else {}
        series = series or _from_info(_read(folder / INFO))
        seed, name, env = int(config["seed"]), str(config["name"]), str(config["env"])
        side_by_side = int(config.get("batch_size_run", 1))
        episodes = max(1, int(config["test_nepisode"]) // side_by_side) * side_by_side  # as in its run.py
        measured = WON if WON in series else RETURN
        rows = [row for row in _rows(series, measured) if measured in row]
        _require_rows(folder, rows)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError) as error:
        raise ConfigurationError(f"{folder} is not what EPyMARL writes: {error!r}.") from error
    return Run(
        str(folder),
        "EPyMARL",
        _WORLDS.get(env, env),
        map_,
        name,
        "",
        seed,
        rows,
        score_of(rows),
        episodes=episodes,
        outcome="logged",
    )


def read_marl_eval(file: Path) -> list[Run]:
    """Read all runs of a file in marl-eval's schema.

    Raises ConfigurationError for a file in another format.
    """
    try:
        document = _read(file)
        return [
            _marl_eval_run(f"{file}: {seed}", world, map_, algorithm, seed, steps)
            for world, maps in document.items()
            for map_, algorithms in maps.items()
            for algorithm, seeds in algorithms.items()
            for seed, steps in seeds.items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError, ZeroDivisionError) as error:
        raise ConfigurationError(f"{file} is not in marl-eval's schema: {error!r}.") from error


def _marl_eval_run(label: str, world: str, map_: str, algorithm: str, seed: str, steps: Mapping[str, Any]) -> Run:
    numbered = sorted((int(name[5:]), step) for name, step in steps.items() if re.fullmatch(r"step_\d+", name))
    rows: list[Row] = []
    counts = set()
    for _, step in numbered:
        values = {ours: step[theirs] for theirs, ours in _MARL_EVAL.items() if theirs in step}
        row: Row = {name: sum(map(float, one)) / len(one) for name, one in values.items()}
        rows.append({"env_step": int(step["step_count"]), "elapsed_s": float(step["elapsed_time"]), **row})
        counts |= {len(one) for one in values.values()}
    measured = "win_rate" if any(WON in row for row in rows) else "return"
    if not all(_MARL_EVAL[measured] in row for row in rows):
        raise KeyError(measured)
    _require_rows(label, rows)
    episodes = counts.pop() if len(counts) == 1 and counts != {1} else None  # one value may be a mean
    number = int(re.sub(r"\D", "", seed) or 0)
    score = score_of(rows)
    return Run(label, "marl-eval", world, map_, algorithm, "", number, rows, score, episodes=episodes, outcome="logged")


Series = dict[str, tuple[list[int], list[float], list[str]]]
"""Metric -> environment steps, values, timestamps (empty when unknown)."""


def _from_metrics(document: Mapping[str, Any]) -> Series:
    return {
        name: (list(map(int, one["steps"])), list(map(_number, one["values"])), list(one.get("timestamps", ())))
        for name, one in document.items()
        if name in _TAKEN
    }


def _from_info(document: Mapping[str, Any]) -> Series:
    return {
        name: (list(map(int, document[f"{name}_T"])), list(map(_number, document[name])), [])
        for name in _TAKEN
        if name in document
    }


def _number(value: Any) -> float:
    """Return a number of Sacred's JSON, in which NumPy's are {"py/object": ..., "value": ...}."""
    return float(value["value"] if isinstance(value, dict) else value)


def _rows(series: Series, measured: str) -> Iterator[Row]:
    """Yield a row for each environment step. measured: the metric whose timestamps count."""
    rows: dict[int, Row] = {}
    for name, (steps, values, times) in series.items():
        for position, (step, value) in enumerate(zip(steps, values, strict=True)):
            rows.setdefault(step, {"env_step": step})[name] = value
            if name == measured and times:
                began, now = (datetime.fromisoformat(times[place]) for place in (0, position))
                rows[step]["elapsed_s"] = (now - began).total_seconds()  # since the first evaluation
    for step in sorted(rows):
        yield rows[step]


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_document(file, LARGEST)
    except CheckpointError as error:
        raise ConfigurationError(str(error)) from error


def _require_rows(place: object, rows: Sequence[Row]) -> None:
    """Check rows as `row_fault` does, but allow an unknown elapsed_s. Raises ValueError."""
    before = None
    for row in rows:
        if (fault := row_fault({"elapsed_s": 0.0, **row}, before)) is not None:
            raise ValueError(f"an evaluation of {place} is not valid, {fault}")
        before = row
