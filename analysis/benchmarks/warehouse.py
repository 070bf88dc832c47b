"""Returns of hand-written policies in the multi-robot warehouse: fedqmix bench warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fedqmix.analysis.benchmarks.team_returns import Progress, figures_of, play_episodes
from fedqmix.envs.rware.options import RwareOptions
from fedqmix.envs.rware.policies import POLICIES, WarehouseTeam
from fedqmix.envs.rware.tasks import find_task
from fedqmix.server.records.summary import machine, versions


def measure(
    tasks: Sequence[str],
    options: RwareOptions,
    policies: Sequence[str] = POLICIES,
    episodes: int = 1000,
    seed: int = 0,
    threads: int = 1,
    tell: Progress = lambda task, policy, episodes: None,
) -> dict[str, Any]:
    """Play episodes of every policy on every task.

    options: of the worlds. seed: of all episodes. threads: of the world; they do not change the figures.
    Returns JSON values: under "results"[task][policy] the mean team return and its standard error.
    Raises ConfigurationError for an unknown task, and for options without the short state.
    """
    results: dict[str, dict[str, Any]] = {task: {} for task in tasks}
    for task in tasks:
        for policy in policies:
            team = WarehouseTeam(policy, find_task(task, options), options, seed)
            played = play_episodes(team, task, options, episodes, seed, threads, of_state=True)
            tell(task, policy, episodes)
            results[task][policy] = figures_of(played.returns, 2)
    return {
        "benchmark": "warehouse",
        "env": "rware",
        "episodes": episodes,
        "seed": seed,
        "episode_limit": options.episode_limit,
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }
