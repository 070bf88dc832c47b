"""How scripted teams fare on every map, beside SMAC's classes of difficulty.

A map that random actions win, or that no script ever wins, is a reason to look at the world's rules.
`python -m benchmarks.fidelity table FILE.json` prints the figures of `fedqmix bench fidelity` as a Markdown table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from benchmarks.difficulty import difficulty, rank
from contracts.world import Battles, Purpose, TeamTurn
from envs.factory import available_maps, make_world
from envs.options import skirmish_options
from envs.positions import read_units
from envs.scripted import POLICIES, ScriptedTeam
from server.records.summary import machine, versions

BATCH = 256  # battles played side by side; does not change the figures

Tell = Callable[[str, str, int], None]
"""Is told map, policy and how many more battles are over."""


def measure(
    maps: Sequence[str] | None = None,
    policies: Sequence[str] = tuple(POLICIES),
    episodes: int = 256,
    seed: int = 0,
    threads: int = 1,
    tell: Tell = lambda map, policy, battles: None,
) -> dict[str, Any]:
    """Play every map with every policy.

    maps: default all; episodes: battles for each map and policy; seed: fixes all of them; threads: of the world, does
    not change the figures. Returns what can be printed as JSON: under "results"[map][policy] the win rate with its
    95 % Wilson interval, the mean return and its standard error, the mean length in environment steps and the rate of
    battles cut off by the limit. Raises ConfigurationError for an unknown map or policy.
    """
    results: dict[str, dict[str, Any]] = {}
    for map in maps if maps is not None else available_maps():
        results[map] = {policy: _figures(map, policy, episodes, seed, threads, tell) for policy in policies}
    return {
        "benchmark": "fidelity",
        "env": "skirmish",
        "episodes": episodes,
        "seed": seed,
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table: a row per map, by SMAC's class, easiest by our own figures first."""
    results = figures["results"]
    policies = list(next(iter(results.values())))
    lines = [
        "| map | SMAC's class | " + " | ".join(f"{policy}: won, return, steps" for policy in policies) + " |",
        "| --- | --- |" + " --- |" * len(policies),
    ]
    for map in sorted(results, key=lambda map: _order(map, results[map])):
        cells = " | ".join(_cell(results[map][policy]) for policy in policies)
        lines.append(f"| {map} | {difficulty(map)} | {cells} |")
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Print the table of a file of figures."""
    if len(words) != 2 or words[0] != "table":
        print("python -m benchmarks.fidelity table FILE.json", file=sys.stderr)
        return 2
    print(table(json.loads(Path(words[1]).read_text(encoding="utf-8"))))
    return 0


def _figures(map: str, policy: str, episodes: int, seed: int, threads: int, tell: Tell) -> dict[str, Any]:
    parts = [
        _play(map, policy, seed, threads, Battles(Purpose.EVALUATION, first, min(BATCH, episodes - first)), tell)
        for first in range(0, episodes, BATCH)
    ]
    won, truncated, returns, lengths = (np.concatenate(column) for column in zip(*parts, strict=True))
    interval = binomtest(int(won.sum()), episodes).proportion_ci(0.95, method="wilson")
    spread = float(returns.std(ddof=1)) if episodes > 1 else 0.0
    return {
        "won_mean": float(won.mean()),
        "won_low": float(interval.low),
        "won_high": float(interval.high),
        "return_mean": round(float(returns.mean()), 4),
        "return_standard_error": round(spread / episodes**0.5, 4),
        "ep_length_mean": round(float(lengths.mean()), 2),
        "truncated_mean": float(truncated.mean()),
    }


def _play(map: str, policy: str, seed: int, threads: int, battles: Battles, tell: Tell) -> tuple[np.ndarray, ...]:
    """Play a batch to its end; return won, truncated, return and length of every battle."""
    scores = _Scores()
    team = ScriptedTeam(policy, map, seed)
    world = make_world(map, seed, skirmish_options(), scores, threads)
    try:
        turn = world.begin(battles)
        team.begin(battles)
        known_over = 0
        while (over := int(np.count_nonzero(turn.terminated | turn.truncated))) < battles.count:
            tell(map, policy, over - known_over)
            known_over = over
            turn = world.step(team.choose(read_units(world, battles.count), turn.available_actions))
        tell(map, policy, battles.count - known_over)
        return turn.won.copy(), turn.truncated.copy(), scores.returns, scores.lengths
    finally:
        world.close()


class _Scores:
    """Adds up every battle's team reward and environment steps."""

    returns: np.ndarray
    lengths: np.ndarray

    def begin(self, battles: Battles, turn: TeamTurn) -> None:
        self.returns = np.zeros(battles.count)
        self.lengths = np.zeros(battles.count, dtype=np.int64)
        self._running = np.ones(battles.count, dtype=np.bool_)

    def record(self, turn: TeamTurn) -> None:
        self.returns += turn.team_reward
        self.lengths += self._running
        self._running = ~(turn.terminated | turn.truncated)


def _order(map: str, results: dict[str, Any]) -> tuple[int, float, str]:
    return rank(map), -max(figures["won_mean"] for figures in results.values()), map


def _cell(figures: dict[str, Any]) -> str:
    won, low, high = (f"{100 * figures[name]:.0f}" for name in ("won_mean", "won_low", "won_high"))
    return f"{won} % ({low}-{high}), {figures['return_mean']:.1f}, {figures['ep_length_mean']:.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
