"""A run of any program as a report reads it, and the grouping of runs by method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedqmix.analysis.reports.statistics import Scores
from fedqmix.runtime.core.world import Score
from fedqmix.server.records import SCORES, Row, ScoreMetric, best_row

FINAL, BEST = "final", "best"
OURS = "fedqmix"


@dataclass(frozen=True)
class Replayed:
    """The result of new greedy episodes with a checkpoint's networks.

    checkpoint: its folder in the run folder. round: the round after which it was written. won: episodes won.
    return_low, return_high: the 95 % bootstrap interval of the mean return; None in results of older versions.
    """

    checkpoint: str
    round: int
    episodes: int
    won: int
    mean_return: float
    return_low: float | None = None
    return_high: float | None = None

    @property
    def win_rate(self) -> float:
        """Share of the episodes won."""
        return self.won / self.episodes

    def score(self, score: Score) -> float:
        """Return the win rate or the mean return."""
        return self.win_rate if score is Score.WIN_RATE else self.mean_return


@dataclass(frozen=True)
class TeamSize:
    """The sizes of a team's networks, in numbers.

    trained: that training changes, each counted once, however many agents hold it. network: of one network; with
    sub-networks, of their root.
    """

    trained: int
    network: int


@dataclass(frozen=True)
class Run:
    """One run: its identity, the way it was measured, and every evaluation.

    None stands for unknown values.
    label: its path. source: the program that trained it. score: the metric that leads. experiment: the name of its base
    settings. game: version of the game's rules. world_settings, settings: full name ("env.reward_win",
    "algorithm.gamma") -> value, of the world and of all that affects learning. replayed: by FINAL and BEST, the
    networks played again; not_replayed: the reason why one is missing. task, method: the names of both in a comparison
    whose methods are settings; empty elsewhere. size: of the team's networks, where it was counted.
    """

    label: str
    source: str
    world: str
    map: str
    algorithm: str
    strategy: str
    seed: int
    rows: Sequence[Row]
    score: Score = Score.WIN_RATE
    experiment: str = ""
    game: str | None = None
    episodes: int | None = None
    every_env_steps: int | None = None
    starts: str | None = None  # of the score's episodes: "varied" or "fixed"
    world_settings: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    of_its_map: frozenset[str] = frozenset()  # settings that its experiment sets for this map alone
    outcome: str = "unknown"
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)  # bytes by channel, in a deployment
    replayed: Mapping[str, Replayed] = field(default_factory=dict)
    not_replayed: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    method: str = ""
    size: TeamSize | None = None
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # agent -> "times", "last" (the reason)

    @property
    def family(self) -> str:
        """The method's name; else algorithm and strategy, as in marl_eval.json, prefixed by another program's name."""
        if self.method:
            return self.method
        name = f"{self.algorithm}-{self.strategy}" if self.strategy else self.algorithm
        return name if self.source == OURS else f"{self.source} {name}"

    @property
    def task_name(self) -> str:
        """The task's name in a comparison, else the map."""
        return self.task or self.map

    def has(self, key: str) -> bool:
        """Return whether every row has a metric."""
        return all(key in row for row in self.rows)

    def column(self, key: str) -> Scores:
        """Return a metric of every row: [evaluations]."""
        return np.array([row[key] for row in self.rows], np.float64)

    def logged(self, which: str) -> float:
        """Return the logged score of the FINAL or BEST evaluation."""
        row = self.rows[-1] if which == FINAL else best_row(self.rows)
        assert row is not None
        return float(row[self.metric.mean])

    @property
    def metric(self) -> ScoreMetric:
        """The metrics of the run's score."""
        return SCORES[self.score]


Methods = Mapping[str, Mapping[str, Sequence[Run]]]
"""Map or named task -> method -> its runs, by seed."""


def score_of_all(methods: Methods) -> Score:
    """Return the score of runs that are compared; they have one (analysis.reports.agreement)."""
    return next(run.score for by_name in methods.values() for runs in by_name.values() for run in runs)


def metric_of_all(methods: Methods) -> ScoreMetric:
    """Return the metrics of the score of runs that are compared."""
    return SCORES[score_of_all(methods)]


def all_named(methods: Methods) -> bool:
    """Return whether every run belongs to a comparison whose methods have names."""
    return all(run.method for by_name in methods.values() for runs in by_name.values() for run in runs)


def by_method(runs: Sequence[Run]) -> Methods:
    """Group runs by map, or by named task, and method.

    A method is a named one, or an algorithm and a strategy. Its name includes the settings in which such runs differ. A
    setting that an experiment sets for one map is included only when such runs differ on that map.
    """
    families: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        families[run.family].append(run)
    found: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for family, members in sorted(families.items()):
        varied = _varied(members)
        for run in sorted(members, key=lambda one: one.seed):
            suffixes = [f"{name.rpartition('.')[2]}={written(run.settings.get(name))}" for name in varied]
            found[run.task_name][", ".join([family, *suffixes])].append(run)
    return {map_: dict(methods) for map_, methods in sorted(found.items())}


def _varied(members: Sequence[Run]) -> list[str]:
    """Return the settings that distinguish methods among runs of one algorithm and strategy, or of one name.

    A named method may have other settings in each task.
    """
    usual: list[Mapping[str, Any]] = [
        {name: run.settings[name] for name in run.settings if name not in run.of_its_map}
        for run in members
        if not run.method
    ]
    by_map: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for run in members:
        by_map[run.task_name].append(run.settings)
    found = {name for alike in [usual, *by_map.values()] for name in varying(alike)}
    return [name for name in dict.fromkeys(name for run in members for name in run.settings) if name in found]


def varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the settings with more than one value; unknown values do not count."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if len({written(one[name]) for one in settings if name in one}) > 1]


def written(value: Any) -> str:
    """Return a setting's value as text without spaces between list items."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)
