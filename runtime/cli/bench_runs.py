"""The benchmarks that train whole runs: `fedqmix bench matrix` and `fedqmix bench attacks`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fedqmix.runtime.cli.bench_options import choices, number, numbers, split


def matrix(words: Sequence[str]) -> dict[str, Any]:
    """Train algorithms on a matrix game; print their tables to standard error. words: the options."""
    from rich.console import Console

    from fedqmix.algorithms import ALGORITHMS
    from fedqmix.analysis.benchmarks.matrix import SEEDS, USUAL, measure
    from fedqmix.analysis.benchmarks.matrix_table import shown

    options, rest = split(words, ("algorithms", "seeds"))
    console = Console(stderr=True)

    def show(algorithm: str, found: dict[str, Any]) -> None:
        for part in shown(algorithm, found):
            console.print(part)

    names = choices(options, "algorithms", "algorithm", tuple(ALGORITHMS)) if "algorithms" in options else USUAL
    return measure(rest, names, numbers(options, "seeds", SEEDS), show)


def attacks(words: Sequence[str]) -> dict[str, Any]:
    """Train teams with a dishonest agent. words: the options."""
    from rich.console import Console

    from fedqmix.analysis.benchmarks import attack_runs
    from fedqmix.analysis.benchmarks.attacks import ATTACKS

    options, rest = split(words, ("attacks", "aggregations", "seeds", "processes"))
    names = choices(options, "aggregations", "aggregation", tuple(attack_runs.AGGREGATIONS))
    return attack_runs.measure(
        overrides=rest,
        attacks=choices(options, "attacks", "attack", tuple(ATTACKS)),
        aggregations=names if "aggregations" in options else attack_runs.fitting(rest),
        seeds=numbers(options, "seeds", attack_runs.SEEDS),
        at_once=number(options, "processes", int, os.cpu_count() or 1),
        console=Console(stderr=True),
    )
