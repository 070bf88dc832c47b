"""`fedqmix bench matrix`: what algorithms learn of a payoff table that they explore fully.

Every run is one of `fedqmix train`, in a temporary folder. For each it gives the learned value of every joint action
beside its payoff, the agents' own values, the joint action that they take, and whether its return is the best.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from fedqmix.algorithms import ALGORITHMS, TeamHalf, find_algorithm
from fedqmix.analysis.benchmarks.joint_values import described, values_of
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.runs.lifecycle.threads import shared_out
from fedqmix.runtime.runs.local.once import train_once
from fedqmix.runtime.storage.reading import load, locate
from fedqmix.server.records.summary import machine, versions

BASE = ("env=matrix", "experiment=matrix", "model=mlp", "strategy=full_sharing")
"""Default settings of all runs."""
USUAL = tuple(name for name in ("iql", "vdn", "qmix", "ow_qmix", "cw_qmix", "qplex", "qtran") if name in ALGORITHMS)
"""The algorithms that are compared by default."""
SEEDS = (1, 2, 3)
ENOUGH = 0.01
"""A return this near to the best one is the best, as rewards are rounded."""
INSTEAD = {
    "algorithm": "write algorithms=vdn,qmix",
    "seed": "write seeds=1,2,3",
    "run_dir": "the runs' folders are deleted, so leave it out",
    "resume": "no run can be resumed, so leave it out",
}
"""Settings of a single run that this benchmark refuses -> advice for the error."""


def measure(
    overrides: Sequence[str],
    algorithms: Sequence[str],
    seeds: Sequence[int],
    show: Callable[[str, dict[str, Any]], None] = lambda algorithm, found: None,
) -> dict[str, Any]:
    """Train every algorithm with every seed; return JSON values.

    overrides: settings for all runs, which replace those of BASE. show: called with each algorithm's figures. Raises
    ConfigurationError for settings that are not valid, and for an algorithm without values of joint actions.
    """
    for word in overrides:
        name = word.partition("=")[0]
        if name in INSTEAD:
            raise ConfigurationError(f"'{word}' is a setting of a single run: {INSTEAD[name]}.")
    configs = {name: [_config(overrides, name, seed) for seed in seeds] for name in algorithms}
    results: dict[str, Any] = {}
    for name, runs in configs.items():
        found = [learned(config) for config in runs]
        wins = sum(one["return"] > one["best"] - ENOUGH for one in found)
        results[name] = {"found": wins, "of": len(found), "runs": found}
        show(name, results[name])
    one = next(iter(configs.values()))[0]
    return {
        "benchmark": "matrix",
        "map": one.map,
        "env_steps": one.stop.env_steps,
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }


def learned(config: Config) -> dict[str, Any]:
    """Train one run in a temporary folder; return its seed and what `joint_values.described` gives."""
    with tempfile.TemporaryDirectory(prefix="fedqmix-matrix-") as folder, shared_out(config.runtime):
        config.run_dir = str(Path(folder) / "run")
        require_ready(config)
        quiet = Console(quiet=True, force_terminal=False)
        train_once(config, ["fedqmix", "bench", "matrix"], quiet, Console(stderr=True))
        values = values_of(config, load(locate(Path(config.run_dir))))
    state = team_spec(config.map, config.env).state
    assert isinstance(state, Flat)
    return {"seed": config.seed, **described(values, state.names)}


def _config(overrides: Sequence[str], algorithm: str, seed: int) -> Config:
    """Return a run's settings. Raises ConfigurationError for another suite, and for an algorithm without values."""
    replaced = {word.partition("=")[0] for word in overrides}
    base = [word for word in BASE if word.partition("=")[0] not in replaced]
    config = compose([*base, *overrides, f"algorithm={algorithm}", f"seed={seed}"])
    if config.env.name != "matrix":
        raise ConfigurationError(
            f"env={config.env.name} is not a matrix game: bench matrix lists tables of env=matrix."
        )
    if find_algorithm(config.algorithm).team.joint_values is TeamHalf.joint_values:
        raise ConfigurationError(
            f"algorithm={algorithm} has no values of joint actions. Algorithms: {', '.join(USUAL)}."
        )
    return config
