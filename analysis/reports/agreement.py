"""Checks that the runs of a report are comparable: measured alike, and each included once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from fedqmix.analysis.reports.runs import Methods, Run, varying, written
from fedqmix.runtime.core.errors import ConfigurationError

_MEASURES: tuple[tuple[str, Callable[[Run], Any]], ...] = (
    ("world", lambda run: run.world),
    ("version of the game", lambda run: run.game),
    ("evaluation episodes", lambda run: run.episodes),
    ("the starts of evaluation episodes", lambda run: run.starts),
    ("environment steps between evaluations", lambda run: run.every_env_steps),
)


def require_alike(runs: Sequence[Run]) -> None:
    """Check that runs were measured alike: one world, one score, the same rules, evaluations of one kind.

    The named tasks of a comparison may differ in all but the score. Unknown values are not compared. Raises
    ConfigurationError that names the difference and the runs.
    """
    for task in dict.fromkeys(run.task for run in runs):
        _require_one_world([run for run in runs if run.task == task or (task and run.task_name == task)])
    _require_one("score", [(str(run.score), run) for run in runs])


def _require_one_world(runs: Sequence[Run]) -> None:
    for what, of in _MEASURES:
        _require_one(what, [(of(run), run) for run in runs if of(run) is not None])
    known = [run for run in runs if run.world_settings]
    for name in varying([run.world_settings for run in known]):
        _require_one(name, [(run.world_settings[name], run) for run in known if name in run.world_settings])


def require_each_once(methods: Methods) -> None:
    """Check that no method has a seed twice, which would count as two.

    Raises ConfigurationError.
    """
    for map_, by_name in methods.items():
        for method, runs in by_name.items():
            seen: dict[int, Run] = {}
            for run in runs:
                if run.seed in seen:
                    raise ConfigurationError(
                        f"{seen[run.seed].label} and {run.label} are both seed {run.seed} of {method} on {map_}: leave "
                        "one of them out."
                    )
                seen[run.seed] = run


def _require_one(what: str, values: Sequence[tuple[Any, Run]]) -> None:
    holders: dict[str, list[str]] = defaultdict(list)
    for value, run in values:
        holders[written(value)].append(run.label)
    if len(holders) > 1:
        parts = [f"{value} in {_some(labels)}" for value, labels in holders.items()]
        raise ConfigurationError(
            f"these runs cannot be compared, because they differ in {what}: {'; '.join(parts)}. Report them apart."
        )


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return ", ".join(labels[:3]) + more
