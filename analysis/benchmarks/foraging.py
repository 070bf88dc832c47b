"""Returns of hand-written policies in level-based foraging: fedqmix bench foraging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fedqmix.analysis.benchmarks.team_returns import Progress, figures_of, play_episodes
from fedqmix.envs.lbf.options import LbfOptions
from fedqmix.envs.lbf.policies import EXPLORE, ForagingTeam
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.server.records.summary import machine, versions


def measure(
    tasks: Sequence[str],
    options: LbfOptions,
    policies: Sequence[str] = tuple(EXPLORE),
    episodes: int = 1000,
    seed: int = 0,
    threads: int = 1,
    tell: Progress = lambda task, policy, episodes: None,
) -> dict[str, Any]:
    """Play episodes of every policy on every task.

    options: of the worlds. seed: of all episodes. threads: of the world; they do not change the figures.
    Returns JSON values: under "results"[task][policy] the mean team return, its standard error, and the mean number
    of environment steps. Raises ConfigurationError for an unknown task.
    """
    results: dict[str, dict[str, Any]] = {task: {} for task in tasks}
    for task in tasks:
        foods = find_task(task, options).foods
        for policy in policies:
            played = play_episodes(ForagingTeam(policy, foods, seed), task, options, episodes, seed, threads)
            tell(task, policy, episodes)
            length = round(float(played.lengths.mean()), 1)
            results[task][policy] = {**figures_of(played.returns, 4), "ep_length_mean": length}
    return {
        "benchmark": "foraging",
        "env": "lbf",
        "episodes": episodes,
        "seed": seed,
        "episode_limit": options.episode_limit,
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }
