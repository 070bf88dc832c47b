"""summary.json: a run's outcome, final and best values, and all data to run it again."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

from fedqmix.conf.schema import Config
from fedqmix.runtime.core.world import Score
from fedqmix.server.records.row import Row
from fedqmix.server.records.scores import WON, best_row

REACHED = 0.9
"""The win rate for which the summary records the first evaluation that reached it."""

_PACKAGES = ("fedqmix", "torch", "flwr", "numpy", "numba", "hydra-core", "omegaconf", "safetensors")


class Outcome(StrEnum):
    """The outcome of a run."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"


def summarise(
    config: Config,
    rows: Sequence[Row],
    *,
    command: Sequence[str],
    run_id: str,
    wall_clock_s: float,
    outcome: Outcome,
    game: str,
    score: Score,
    refused: Mapping[int, Mapping[str, Any]] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the summary of a run.

    rows: every evaluation in order. command: the program's command line. wall_clock_s: seconds from its start to its
    end. game: name and version of the game; empty when the run ended before it was known. score: the world's.
    refused: refused agent -> number of refusals ("times") and last reason ("last").
    figures: what the strategy adds, such as the units that each agent holds (`TeamStrategy.figures`).
    """
    reached = next((row for row in rows if row.get(WON, 0.0) >= REACHED), None)
    first_won = {key: reached[key] for key in ("env_step", "elapsed_s")} if reached else None
    return {
        "run_id": run_id,
        "outcome": str(outcome),
        "map": config.map,
        "env": config.env.name,
        "game": game,
        "score": str(score),
        "algorithm": config.algorithm.name,
        "strategy": config.strategy.name,
        **({"strategy_figures": dict(figures)} if figures else {}),
        "experiment": config.experiment,
        "seed": config.seed,
        "evaluation_starts": config.evaluation.starts,
        "command": shlex.join(command),
        "wall_clock_s": wall_clock_s,
        "evaluations": len(rows),
        "refused": {str(agent): dict(refusals) for agent, refusals in (refused or {}).items()},
        "final": rows[-1] if rows else None,
        "best": best_row(rows),
        **({f"first_won_{REACHED}": first_won} if score is Score.WIN_RATE else {}),
        "versions": versions(),
        "machine": machine(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"  # fedqmix run from a checkout


def machine() -> dict[str, str | int]:
    """Return the operating system, the processor's name and the number of logical cores."""
    return {"os": platform.platform(), "cpu": _processor(), "cores": os.cpu_count() or 0}


def _processor() -> str:
    """Return the processor's marketing name, which platform.processor() does not know on Linux."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
