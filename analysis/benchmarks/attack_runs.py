"""Attacks on training: every attack (attacks.py) against every aggregation.

Every cell is several training runs, one process each, with the command line of `fedqmix train`; one agent's training
replies are changed on their way to the server.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console

from fedqmix.analysis.benchmarks.attacked import ERROR
from fedqmix.analysis.reports.results import summary
from fedqmix.conf.schema import Config, least_agents
from fedqmix.envs import require_world, team_spec
from fedqmix.runtime.configuration.choices import Chosen, require_used, words_of
from fedqmix.runtime.configuration.seeds import name_of
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.flower.environment import source_path
from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels
from fedqmix.runtime.runs.side_by_side.display import Display
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.runs.side_by_side.train import Processes, train_all
from fedqmix.runtime.storage.files import delete_folder
from fedqmix.server.records import SCORES
from fedqmix.server.records.summary import machine, versions
from fedqmix.strategies.options import OwnSettings

AGGREGATIONS = {
    "a_pps": ["strategy=a_pps"],
    "a_pps_checked": ["strategy=a_pps", "strategy.max_update=10"],
    "rs_pps": ["strategy=rs_pps"],
    "rs_pps_clipped": ["strategy=rs_pps", "strategy.clip_update=1"],
    "norm_clip": ["strategy=norm_clip"],
    "median": ["strategy=median"],
    "trimmed_mean": ["strategy=trimmed_mean"],
    "krum": ["strategy=krum"],
    "bulyan": ["strategy=bulyan"],
}
"""Aggregation -> its settings. Only a_pps_checked limits the norm of an update."""
BASE = (
    "strategy.max_update=null",
    "strategy.on_fault=leave_out",
    "strategy.max_faults=1_000_000",
    "experiment=quick",
    "map=3m",
    "stop.env_steps=100_000",
    "stop.win_rate=null",
    "evaluation.every_env_steps=10_000",
    "checkpoint.every_rounds=1_000_000",
    "runtime.threads=1",
    "runtime.world_threads=1",
)
"""Default settings of all runs."""
INSTEAD = {
    "strategy": "write aggregations=a_pps,median",
    "seed": "write seeds=1,2,3",
    "run_dir": "their folders are deleted, so leave it out",
    "resume": "none of them can be resumed, so leave it out",
}
"""Settings of a single run that this benchmark refuses -> advice for the error."""
SEEDS = (1, 2, 3, 4, 5)
LAST = 3
"""Number of last evaluations whose mean is a run's score, because one evaluation has only 32 episodes."""
LEADING = {Score.WIN_RATE: "won", Score.RETURN: "return"}
"""Score -> its name in the results: the mean of the last evaluations."""


class AttackedRun(Run):
    """A run with a dishonest agent."""

    def __init__(self, aggregation: str, attack: str, folder: Path, words: Sequence[str], config: Config) -> None:
        """Prepare a run.

        folder: for all its files. words: its settings without the seed. config: all settings.
        """
        name = f"{aggregation}-{attack}-s{config.seed}"
        words = [*words, f"seed={config.seed}"]
        super().__init__(name, folder / name, folder / f"{name}.log", words, config)
        self.aggregation, self.attack, self.seed = aggregation, attack, config.seed
        spec = team_spec(config.map, config.env)
        self.liar, self.kind = spec.n_agents - 1, spec.score

    def figures(self) -> dict[str, Any]:
        """Return the score, the dishonest agent's mean weight, and the reason of a stop if any."""
        scores = [float(row[SCORES[self.kind].mean]) for row in self.rows]
        weights = [float(row[f"fed/weight_{self.liar}"]) for row in self.rows if f"fed/weight_{self.liar}" in row]
        found: dict[str, Any] = {
            LEADING[self.kind]: round(fmean(scores[-LAST:]), 4) if scores else None,
            "final": scores[-1] if scores else None,
            "evaluations": len(scores),
            "env_steps": self.steps,
            "liar_weight": round(fmean(weights), 4) if weights else None,
        }
        return found if self.state is State.DONE else {**found, "stopped": self._reason()}

    def _reason(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        errors = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
        return errors[-1] if errors else "ended without an error message"


class _Attacked(Processes):
    """One process per run, in which the last agent is dishonest."""

    def begin(self, run: Run) -> None:
        """See runtime.runs.side_by_side.train.Programs."""
        assert isinstance(run, AttackedRun)
        command = [
            sys.executable,
            "-m",
            "fedqmix.analysis.benchmarks.attacked",
            run.attack,
            str(run.liar),
            *run.words(run.state),
        ]
        self.start(run.name, command, run.log, {**source_path(), "PYTHONSAFEPATH": "1"})


def fitting(overrides: Sequence[str]) -> list[str]:
    """Return the aggregations whose minimum team size the map's team has."""
    config = compose(_with(overrides, ["strategy=own"]))  # which has the settings of all strategies
    assert isinstance(config.strategy, OwnSettings)
    agents = team_spec(config.map, config.env).n_agents
    byzantine, select = config.strategy.byzantine, config.strategy.krum_select
    return [name for name in AGGREGATIONS if least_agents(name, byzantine, select) <= agents]


def measure(
    overrides: Sequence[str],
    attacks: Sequence[str],
    aggregations: Sequence[str],
    seeds: Sequence[int],
    at_once: int,
    console: Console,
) -> dict[str, Any]:
    """Train all runs, at_once of them in parallel.

    overrides: settings for all runs, which replace those of BASE. console: for the progress display. Returns JSON
    values: under "results"[aggregation][attack] every seed's figures, and the interquartile mean over the seeds with
    its interval (minimum and maximum below five seeds). Raises ConfigurationError for settings that are not valid,
    before any run starts.
    """
    for word in overrides:
        if (name := name_of(word)) in INSTEAD:
            raise ConfigurationError(f"'{word}': bench attacks trains many runs; {INSTEAD[name]}.")
    if repeated := next((seed for seed in seeds if list(seeds).count(seed) > 1), None):
        raise ConfigurationError(f"seeds=... names {repeated} twice.")
    require_used(overrides, [_chosen(name) for name in aggregations])
    words = {name: _words(overrides, name) for name in aggregations}
    configs = {name: compose(words[name]) for name in aggregations}
    first = configs[aggregations[0]]
    require_world(first.map, first.env)
    with tempfile.TemporaryDirectory(prefix="fedqmix-attacks-") as path:
        runs = [
            AttackedRun(name, attack, Path(path), words[name], replace(configs[name], seed=seed))
            for seed in seeds
            for name in aggregations
            for attack in attacks
        ]
        compile_kernels(first)
        with Display(runs, console) as display:
            train_all(runs, at_once, display, _Attacked(), lambda run: delete_folder(run.folder))
        results = _results(runs)
    return {
        "benchmark": "attacks",
        "map": first.map,
        "agents": runs[0].liar + 1,
        "liars": 1,
        "env_steps": first.stop.env_steps,
        "seeds": list(seeds),
        "score": str(runs[0].kind),
        "evaluations_scored": LAST,
        "settings": {name: words[name] for name in aggregations},
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }


def _words(overrides: Sequence[str], aggregation: str) -> list[str]:
    return _with(words_of(overrides, _chosen(aggregation)), AGGREGATIONS[aggregation])


def _chosen(aggregation: str) -> Chosen:
    strategy = AGGREGATIONS[aggregation][0]
    return (("strategy", strategy.partition("=")[2]),)


def _with(overrides: Sequence[str], own: Sequence[str]) -> list[str]:
    given = {name_of(word) for word in [*overrides, *own]}
    return [*(word for word in BASE if name_of(word) not in given), *overrides, *own]


def _results(runs: Sequence[AttackedRun]) -> dict[str, dict[str, Any]]:
    cells: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for run in runs:
        cells[run.aggregation, run.attack][str(run.seed)] = run.figures()
    results: dict[str, dict[str, Any]] = defaultdict(dict)
    for (aggregation, attack), by_seed in cells.items():
        whole = [one for one in by_seed.values() if "stopped" not in one and one["final"] is not None]
        cell: dict[str, Any] = {"seeds": by_seed, "stopped": sum("stopped" in one for one in by_seed.values())}
        for name in (LEADING[runs[0].kind], "final"):
            if whole:
                found = summary([np.array([one[name] for one in whole])])
                cell[name] = {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}
        results[aggregation][attack] = cell
    return dict(results)
