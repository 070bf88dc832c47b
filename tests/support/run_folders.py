"""Run folders as training writes them, but with made-up evaluations, and runs in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedqmix.analysis.reports.runs import Run
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.server.records import JsonlLogger, Outcome, Row, marl_eval, score_of, summarise, write_json
from fedqmix.server.records.scores import WON

EPYMARL = {
    "name": "qmix",
    "env": "sc2",
    "env_args": {"map_name": "3m", "seed": 5},
    "seed": 5,
    "test_nepisode": 32,
    "batch_size_run": 10,
    "test_interval": 10000,
}
EPYMARL_METRICS = {
    WON: {
        "steps": [0, 10000, 20000],
        "timestamps": ["2026-01-01T12:00:00.500000", "2026-01-01T12:01:00.500000", "2026-01-01T12:02:30.500000"],
        "values": [0.0, 0.25, 0.75],
    },
    "test_return_mean": {"steps": [0, 10000, 20000], "timestamps": ["", "", ""], "values": [1.0, 8.5, 17.0]},
    "loss": {"steps": [500], "timestamps": ["2026-01-01T12:00:10.500000"], "values": [0.1]},
}


def rows(win_rates: Sequence[float], every: int = 1000, **more: float) -> list[Row]:
    """Return one row an evaluation; more: further metrics, the same in each."""
    return [
        {"env_step": every * k, "round": k, "elapsed_s": 10.0 * k, WON: won, "test_return_mean": 20 * won, **more}
        for k, won in enumerate(win_rates, start=1)
    ]


def run(win_rates: Sequence[float], *, strategy: str = "a_pps", seed: int = 1, every: int = 1000, **more: Any) -> Run:
    """Return a run in memory."""
    known = {"label": f"{strategy}-{seed}", "source": "fedqmix", "world": "skirmish", "map": "3m", "algorithm": "qmix"}
    return Run(**{**known, "strategy": strategy, "seed": seed, "rows": rows(win_rates, every), **more})


def write_run(path: Path, win_rates: Sequence[float], *words: str, game: str | None = None) -> Path:
    """Write a run folder without checkpoints. words: overrides of the smoke configuration."""
    config = compose(["experiment=smoke", *words, f"run_dir='{path}'"])
    command = ["fedqmix", "train", *words]
    folder = RunFolder.create(path, config, command)
    logger = JsonlLogger(folder.metrics)
    made = rows(win_rates, **{"test_ep_length_mean": 30.0, "fed/bytes_up": 1e5, "fed/bytes_down": 2e5})
    for row in made:
        logger.log(row)
    logger.close()
    facts = {
        "command": command,
        "run_id": folder.run_id,
        "wall_clock_s": 1.0,
        "outcome": Outcome.FINISHED,
        "score": score_of(made),
    }
    write_json(folder.summary, summarise(config, made, **facts, game=game or ""))
    write_json(folder.marl_eval, marl_eval(config, made))
    folder.close()
    return path


def write_sacred(folder: Path, config: Mapping[str, Any] = EPYMARL, **files: Any) -> Path:
    """Write a folder as EPyMARL does by Sacred's FileStorageObserver. files: documents; by default its metrics."""
    folder.mkdir(parents=True)
    for name, document in {"config": config, **(files or {"metrics": EPYMARL_METRICS})}.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder
