"""Win rates of scripted teams on every map, compared with SMAC's classes of difficulty.

A map that random actions win, or that no script ever wins, indicates a fault in the world's rules.

    python -m fedqmix.analysis.benchmarks.fidelity table FILE.json
    python -m fedqmix.analysis.benchmarks.fidelity beside FILE.json SHIFTED.json

print the figures of `fedqmix bench fidelity` as a Markdown table, and those of fixed starts beside those of shifted
starts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from fedqmix.analysis.benchmarks.difficulty import difficulty, rank
from fedqmix.analysis.benchmarks.shifted import shift_units
from fedqmix.envs.factory import available_maps, make_world
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.positions import read_units
from fedqmix.envs.scripted import POLICIES, ScriptedTeam
from fedqmix.runtime.core.seeds import generator
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamTimeStep
from fedqmix.server.records.summary import machine, versions

BATCH = 256  # parallel episodes; does not change the figures
CONSTANT = ("upwards", "downwards")  # the policies with a constant preference over actions

DISCOUNT = 0.99  # algorithm.gamma


class Conditions(NamedTuple):
    """The conditions of the episodes."""

    shift: float = 0.0  # largest shift of a unit's start along each axis, in map cells (see shift_units)
    explore: float = 0.0  # probability that an agent takes a random available action


PLAIN = Conditions()

Progress = Callable[[str, str, int], None]
"""Callback with the map, the policy, and the number of episodes that ended since the last call."""


def measure(
    maps: Sequence[str] | None = None,
    policies: Sequence[str] = tuple(POLICIES),
    episodes: int = 256,
    seed: int = 0,
    threads: int = 1,
    tell: Progress = lambda map, policy, battles: None,
    conditions: Conditions = PLAIN,
) -> dict[str, Any]:
    """Run episodes of every policy on every map.

    maps: default all. episodes: per map and policy. seed: of all episodes. threads: of the world; they do not change
    the figures. tell: callback for progress. Returns JSON values: under "results"[map][policy] the win rate with its
    95 % Wilson interval, the mean return and its standard error, the mean return discounted by DISCOUNT, the mean
    length in environment steps, and the share of truncated episodes.
    Raises ConfigurationError for an unknown map or policy.
    """
    results: dict[str, dict[str, Any]] = {}
    for map in maps if maps is not None else available_maps():
        results[map] = {policy: _figures(map, policy, episodes, seed, threads, tell, conditions) for policy in policies}
    return {
        "benchmark": "fidelity",
        "env": "skirmish",
        "episodes": episodes,
        "seed": seed,
        **conditions._asdict(),
        "results": results,
        "machine": machine(),
        "versions": versions(),
    }


def table(figures: dict[str, Any]) -> str:
    """Return a Markdown table with a row per map, sorted by SMAC's class and best win rate."""
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


def beside(fixed: dict[str, Any], shifted: dict[str, Any]) -> str:
    """Return a Markdown table of win rates in percent, from fixed and from shifted starts.

    A row per map: its class, the better constant preference, the best of the other scripts.
    """
    lines = ["| map | SMAC's class | constant preference | best other script |", "| --- | --- | --- | --- |"]
    for map in sorted(fixed["results"], key=lambda map: _order(map, fixed["results"][map])):
        sides = [figures["results"][map] for figures in (fixed, shifted)]
        constant = _best(sides, [name for name in sides[0] if name in CONSTANT])
        other = _best(sides, [name for name in sides[0] if name not in CONSTANT])
        lines.append(f"| {map} | {difficulty(map)} | {constant} | {other} |")
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Print a table of one or two files of figures. Returns the exit status."""
    if (words[0] if words else "", len(words)) not in (("table", 2), ("beside", 3)):
        print(
            "python -m fedqmix.analysis.benchmarks.fidelity table FILE.json, or beside FILE.json SHIFTED.json",
            file=sys.stderr,
        )
        return 2
    figures = [json.loads(Path(word).read_text(encoding="utf-8")) for word in words[1:]]
    print(table(figures[0]) if words[0] == "table" else beside(*figures))
    return 0


def _figures(
    map: str, policy: str, episodes: int, seed: int, threads: int, tell: Progress, conditions: Conditions
) -> dict[str, Any]:
    batches = [
        EpisodeBatch(Purpose.EVALUATION, first, min(BATCH, episodes - first)) for first in range(0, episodes, BATCH)
    ]
    parts = [_play(map, policy, seed, threads, battles, tell, conditions) for battles in batches]
    won, truncated, returns, discounted, lengths = (np.concatenate(column) for column in zip(*parts, strict=True))
    interval = binomtest(int(won.sum()), episodes).proportion_ci(0.95, method="wilson")
    spread = float(returns.std(ddof=1)) if episodes > 1 else 0.0
    return {
        "won_mean": float(won.mean()),
        "won_low": float(interval.low),
        "won_high": float(interval.high),
        "return_mean": round(float(returns.mean()), 4),
        "return_standard_error": round(spread / episodes**0.5, 4),
        "discounted_mean": round(float(discounted.mean()), 4),
        "ep_length_mean": round(float(lengths.mean()), 2),
        "truncated_mean": float(truncated.mean()),
    }


def _play(
    map: str, policy: str, seed: int, threads: int, battles: EpisodeBatch, tell: Progress, conditions: Conditions
) -> tuple[np.ndarray, ...]:
    """Run a batch; return won, truncated, return, discounted return, length: [episodes] each."""
    scores = EpisodeScores()
    team, explorers = ScriptedTeam(policy, map, seed), ScriptedTeam("random", map, seed)
    explore_draws = [
        generator(seed, f"explore {battles.purpose.value}", battles.first + b) for b in range(battles.count)
    ]
    world = make_world(map, seed, skirmish_options(), scores, threads)
    try:
        time_step = world.begin(battles)
        shift_units(world, map, seed, battles, conditions.shift)
        team.begin(battles)
        explorers.begin(battles)
        known_over = 0
        while (over := int(np.count_nonzero(time_step.terminated | time_step.truncated))) < battles.count:
            tell(map, policy, over - known_over)
            known_over = over
            units, available = read_units(world, battles.count), time_step.available_actions
            actions = team.choose(units, available)
            if conditions.explore > 0:
                explores = np.stack([draw.random(len(actions)) < conditions.explore for draw in explore_draws], axis=1)
                actions = np.where(explores, explorers.choose(units, available), actions)
            time_step = world.step(actions)
        tell(map, policy, battles.count - known_over)
        return time_step.won.copy(), time_step.truncated.copy(), scores.returns, scores.discounted, scores.lengths
    finally:
        world.close()


class EpisodeScores:
    """A step observer that sums every episode's team reward and environment steps."""

    returns: np.ndarray
    discounted: np.ndarray
    lengths: np.ndarray

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        self.returns, self.discounted, self._weight = np.zeros(battles.count), np.zeros(battles.count), 1.0
        self.lengths = np.zeros(battles.count, dtype=np.int64)
        self._running = np.ones(battles.count, dtype=np.bool_)

    def record(self, time_step: TeamTimeStep) -> None:
        self.returns += time_step.team_reward
        self.discounted += self._weight * time_step.team_reward
        self._weight *= DISCOUNT
        self.lengths += self._running
        self._running = ~(time_step.terminated | time_step.truncated)


def _order(map: str, results: dict[str, Any]) -> tuple[int, float, str]:
    return rank(map), -max(figures["won_mean"] for figures in results.values()), map


def _cell(figures: dict[str, Any]) -> str:
    won, low, high = (f"{100 * figures[name]:.0f}" for name in ("won_mean", "won_low", "won_high"))
    return f"{won} % ({low}-{high}), {figures['return_mean']:.1f}, {figures['ep_length_mean']:.0f}"


def _best(sides: list[dict[str, Any]], policies: list[str]) -> str:
    """Return the best win rates from fixed and from shifted starts, with their policies, as text."""
    if not policies:
        return "-"
    words = []
    for results in sides:
        best = max(policies, key=lambda name: (results[name]["won_mean"], results[name]["return_mean"]))
        rate = 100 * results[best]["won_mean"]
        words.append(f"{rate:.0f} % ({best})" if rate >= 0.5 else "0 %")
    return ", shifted ".join(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
