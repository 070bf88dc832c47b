"""The estimated cost of a comparison: runs, environment steps, hours and disk space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from fedqmix.conf.schema import Config
from fedqmix.runtime.runs.comparison.comparison import Comparison
from fedqmix.runtime.runs.comparison.plan import Cell
from fedqmix.runtime.runs.comparison.speed import measure, seen
from fedqmix.runtime.runs.lifecycle.progress import duration
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.runs.side_by_side.run import Run, State
from fedqmix.runtime.storage.ring import EpisodeRing

NAMES = 2
"""Names of a run that have a line of their own: a task with an algorithm, or with a method that has one name."""


@dataclass(frozen=True)
class Cost:
    """The remaining cost of the runs of one task and algorithm, or of one task and method.

    names: the first two names of the runs. runs: runs that are not done. env_steps: environment steps that they have
    not played. seconds_a_step: seconds per environment step of one run. measured: True when it was measured now, False
    when it comes from runs that are done or under way. bytes_a_run: most bytes of one run on the disk.
    """

    names: tuple[str, ...]
    runs: int
    env_steps: int
    seconds_a_step: float
    measured: bool
    bytes_a_run: int

    @property
    def seconds(self) -> float:
        """Seconds of all runs, one after another."""
        return self.env_steps * self.seconds_a_step


def estimate(comparison: Comparison, runs: Mapping[Cell, Run], notify: Callable[[str], None]) -> list[Cost]:
    """Return the cost of each group of waiting runs with the same first two names; measure unknown speeds.

    notify: called with a message before each measurement.
    """
    costs = []
    for names in dict.fromkeys(cell.names[:NAMES] for cell in runs):
        group = {cell: run for cell, run in runs.items() if cell.names[:NAMES] == names}
        waiting = {cell: run for cell, run in group.items() if run.state is State.WAITING}
        if not waiting:
            continue
        config = comparison.config(next(iter(waiting)))
        known = seen(group.values())
        if known is None:
            notify(f"measuring {' '.join(names)}")
        costs.append(
            Cost(
                names=names,
                runs=len(waiting),
                env_steps=sum(max(0, run.env_steps - run.steps) for run in waiting.values()),
                seconds_a_step=measure(config) if known is None else known,
                measured=known is None,
                bytes_a_run=_bytes(config),
            )
        )
    return costs


def table(costs: list[Cost], at_once: int, heads: Sequence[str]) -> Table:
    """Return the estimate as a table for a console.

    at_once: number of runs side by side. heads: of the columns of a run's names.
    """
    shown = Table(*heads[:NAMES], "runs", "env steps left", "env steps/s of a run", "time", "disk, at most")
    for column in shown.columns[NAMES:]:
        column.justify = "right"
    for cost in costs:
        shown.add_row(
            *cost.names,
            str(cost.runs),
            f"{cost.env_steps:,}",
            f"{1 / cost.seconds_a_step:,.0f}",
            duration(cost.seconds / at_once),
            _size(cost.runs * cost.bytes_a_run),
        )
    if len(costs) > 1:
        shown.add_section()
        runs, steps = sum(cost.runs for cost in costs), sum(cost.env_steps for cost in costs)
        seconds, size = sum(cost.seconds for cost in costs), sum(cost.runs * cost.bytes_a_run for cost in costs)
        shown.add_row("all", "", str(runs), f"{steps:,}", "", duration(seconds / at_once), _size(size))
    return shown


def _bytes(config: Config) -> int:
    """Return the bytes of a run's episodes on disk, all of full length; other files are small."""
    learning = config.algorithm
    small = replace(learning, buffer_size=max(learning.batch_size, learning.parallel_episodes))
    team = LocalTeam(replace(config, algorithm=small))  # the whole buffer may not fit into this machine's memory
    try:
        return sum(_ring_bytes(ring, learning.buffer_size, config.stop.env_steps) for ring in team.rings.values())
    finally:
        team.close()


def _ring_bytes(ring: EpisodeRing, capacity: int, env_steps: int) -> int:
    """Return the most bytes that a ring takes: full, or filled by the run's environment steps."""
    moment = EpisodeRing.nbytes_full(1, 0, ring.fields)
    return min(EpisodeRing.nbytes_full(capacity, ring.limit, ring.fields), (env_steps + capacity) * moment)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.0f} MB"
