"""Returns of hand-written policies in blind-particle spread, beside the expected returns that can be computed.

    fedqmix bench spread > FILE.json
    python -m fedqmix.analysis.benchmarks.spread table FILE.json

The second command prints the figures as a Markdown table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedqmix.analysis.benchmarks.spread_integrals import EXPECTED
from fedqmix.analysis.benchmarks.team_returns import Progress, figures_of, play_episodes
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.envs.bps.policies import POLICIES, SpreadTeam
from fedqmix.envs.bps.tasks import find_task
from fedqmix.runtime.core.world import Floats64
from fedqmix.server.records.summary import machine, versions


def measure(
    tasks: Sequence[str],
    options: BpsOptions,
    policies: Sequence[str] = tuple(POLICIES),
    episodes: int = 1000,
    seed: int = 0,
    threads: int = 1,
    tell: Progress = lambda task, policy, episodes: None,
) -> dict[str, Any]:
    """Play episodes of every policy on every task.

    options: of the worlds. seed: of all episodes. threads: of the world; they do not change the figures.
    Returns JSON values: under "results"[task][policy] the mean team return, its standard error, the mean return of an
    agent, and the expected team return (None where it is not known). Raises ConfigurationError for an unknown task.
    """
    results: dict[str, dict[str, Any]] = {}
    for task in tasks:
        results[task] = {}
        for policy in policies:
            returns = returns_of(policy, task, options, episodes, seed, threads)
            tell(task, policy, episodes)
            results[task][policy] = _figures(returns, policy, len(find_task(task, options).groups), options)
    return {
        "benchmark": "spread",
        "env": "bps",
        "episodes": episodes,
        "seed": seed,
        "episode_limit": options.episode_limit,
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }


def returns_of(policy: str, task: str, options: BpsOptions, episodes: int, seed: int, threads: int = 1) -> Floats64:
    """Return the team returns of a policy's episodes 0, 1, ...: [episodes]."""
    team = SpreadTeam(policy, find_task(task, options), seed)
    return play_episodes(team, task, options, episodes, seed, threads).returns


def _figures(returns: Floats64, policy: str, n_agents: int, options: BpsOptions) -> dict[str, Any]:
    expected = EXPECTED[policy](options.episode_limit) * n_agents if policy in EXPECTED else None
    return {
        **figures_of(returns, 2),
        "return_mean_of_an_agent": round(float(returns.mean()) / n_agents, 3),
        "expected_return": None if expected is None else round(expected, 2),
    }


def table(figures: dict[str, Any]) -> str:
    """Return a Markdown table with a row per task: mean team return and standard error, and the expected return."""
    results = figures["results"]
    policies = list(next(iter(results.values())))
    lines = ["| task | " + " | ".join(policies) + " |", "| --- |" + " --- |" * len(policies)]
    for task, by_policy in results.items():
        lines.append(f"| {task} | " + " | ".join(_cell(by_policy[policy]) for policy in policies) + " |")
    return "\n".join(lines)


def _cell(figures: dict[str, Any]) -> str:
    measured = f"{figures['return_mean']:.1f} ± {figures['return_standard_error']:.1f}"
    expected = figures["expected_return"]
    return measured if expected is None else f"{measured} (expected {expected:.1f})"


def main(words: Sequence[str]) -> int:
    """Print the table of a file of figures; return the exit status."""
    if len(words) != 2 or words[0] != "table":
        print("python -m fedqmix.analysis.benchmarks.spread table FILE.json", file=sys.stderr)
        return 2
    print(table(json.loads(Path(words[1]).read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
