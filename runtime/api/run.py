"""A run on disk: its settings, metrics, summary, replays and networks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedqmix.conf.schema import Config
from fedqmix.envs.replays import Replay, read_replay, replay_files
from fedqmix.runtime.api.folder_size import size_and_age
from fedqmix.runtime.configuration.runs import require_run
from fedqmix.runtime.configuration.settings import load as load_config
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError, ReplayError
from fedqmix.runtime.core.world import Score
from fedqmix.runtime.runs.collecting.collected import Collected
from fedqmix.runtime.runs.lifecycle.lock import is_locked
from fedqmix.runtime.runs.lifecycle.summaries import read_evaluations, read_summary
from fedqmix.runtime.runs.local.replays import REPLAYS
from fedqmix.runtime.storage.archive import SUFFIX
from fedqmix.runtime.storage.untrusted import size_of
from fedqmix.server.records import SCORES, Outcome, Row, metric_of, score_of
from fedqmix.server.records.scores import WON

if TYPE_CHECKING:
    import pandas

    from fedqmix.runtime.api.team import Team


class RunState(StrEnum):
    """The state of a run: ended by itself, ended before that, or being trained by a process of this machine."""

    FINISHED = "finished"
    STOPPED = "stopped"
    RUNNING = "running"


class Metrics(list[Row]):
    """The evaluations of a run, in order: a list of dicts (docs/runs.md lists the keys)."""

    def frame(self) -> pandas.DataFrame:
        """Return a pandas.DataFrame with a row per evaluation. Raises ConfigurationError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise ConfigurationError(
                "frame() needs the package pandas: pip install pandas. Without it, metrics is a list of dicts."
            ) from error
        return pandas.DataFrame(list(self))


class Replays(Mapping[str, Replay]):
    """The replays of a run by name: "best", "round-000012". A replay is read when it is asked for.

    files: the files by name.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = dict(files)

    def __getitem__(self, name: str) -> Replay:
        """Read a replay. Raises KeyError for an unknown name, CheckpointError or ReplayError for a damaged file."""
        size_of(self.files[name])  # raises for anything but a regular file
        return read_replay(self.files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def page(self, name: str) -> str:
        """Return a replay as one HTML page that plays it, as `fedqmix watch` writes it.

        Raises ReplayError for an unknown name, and as `__getitem__`.
        """
        from fedqmix.analysis.viewer import page

        if name not in self.files:
            raise ReplayError(f"there is no replay {name!r}; there are {', '.join(self.files) or 'none'}.")
        return page(self[name])


class Run:
    """A run folder of `fedqmix train` or `fedqmix up`, or a collected run (`fedqmix collect`).

    path: the folder or file. Everything is read when asked for, so a run that is being trained can be followed. A
    collected run has settings, metrics and a summary. A federation's run has no replays, and its agents own the
    parameters that they do not share, so `team` needs a strategy that shares all of them.
    Raises CheckpointError when the path is not a run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.is_collected = self.path.name.endswith(SUFFIX) and self.path.is_file()
        if not self.is_collected:
            require_run(self.path)

    def __repr__(self) -> str:
        try:
            score, metric = self.score, SCORES[self.score_kind]
            last = "no evaluation" if score is None else f"{metric.short} {metric.text(score)}"
            return f"<fedqmix.Run {self.path}: {self.state}, {self.steps:,} environment steps, {last}>"
        except FedqmixError as error:
            return f"<fedqmix.Run {self.path}: damaged, {error}>"

    @property
    def config(self) -> Config:
        """The run's settings. Raises ConfigurationError or CheckpointError when they are not valid."""
        return self._collected.config if self.is_collected else load_config(self.path)

    @property
    def metrics(self) -> Metrics:
        """The evaluations so far. Raises CheckpointError when they are damaged."""
        return Metrics(self._collected.rows if self.is_collected else read_evaluations(self.path)[1])

    @property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json; empty before the run's first end. Raises CheckpointError when it is damaged."""
        return dict(self._collected.summary) if self.is_collected else read_summary(self.path)

    @property
    def replays(self) -> Replays:
        """The replays by name; empty in a federation's run, where no party has units and Q-values."""
        return Replays({} if self.is_collected else replay_files(self.path / REPLAYS))

    @property
    def state(self) -> RunState:
        """Whether the run is finished, stopped or running."""
        if not self.is_collected and is_locked(self.path):
            return RunState.RUNNING
        return RunState.FINISHED if self.summary.get("outcome") == Outcome.FINISHED else RunState.STOPPED

    @property
    def steps(self) -> int:
        """Environment steps at the last evaluation; 0 before the first."""
        rows = self.metrics
        return int(rows[-1]["env_step"]) if rows else 0

    @property
    def score_kind(self) -> Score:
        """The metric that leads the run: the win rate, or the return where no episode can be won."""
        return score_of(self.metrics, self.summary)

    @property
    def score(self) -> float | None:
        """The score of the last evaluation: its win rate, 0..1, or its mean return. None before the first."""
        rows = self.metrics
        return float(rows[-1][metric_of(rows).mean]) if rows else None

    @property
    def win_rate(self) -> float | None:
        """The win rate of the last evaluation, 0..1; None before the first, and where no episode can be won."""
        rows = self.metrics
        return float(rows[-1][WON]) if rows and WON in rows[-1] else None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return size_and_age(self.path)[0]

    @property
    def age(self) -> timedelta:
        """The time since a file of the run was last written."""
        return size_and_age(self.path)[1]

    def team(self, which: str | int = "last", *, allow_code: bool = False) -> Team:
        """Load a trained team. which: "best" (the best evaluation's), "last", or the round of a checkpoint.

        Raises as `fedqmix.load`.
        """
        from fedqmix.runtime.api.loading import checkpoint_of, load  # here, because it loads torch

        return load(self.path if self.is_collected else checkpoint_of(self.path, which), allow_code=allow_code)

    @cached_property
    def _collected(self) -> Collected:
        return Collected.read(self.path)
