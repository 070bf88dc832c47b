"""The plan of `fedqmix paper`: PPS-QMIX's methods and baselines, on the maps of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedqmix.runtime.configuration.names import groups
from fedqmix.runtime.configuration.seeds import take_seeds
from fedqmix.runtime.runs.comparison.plan import Plan
from fedqmix.runtime.runs.comparison.words import INSTEAD, refuse_single, refuse_sweeps, take, take_choice, take_names

COMMAND = "paper"
ALGORITHMS = ("qmix", "vdn")
STRATEGIES = ("none", "full_sharing", "a_pps", "rs_pps", "pp_pps")
SCALES = {
    "laptop": (("3m", "2s3z"), (1, 2, 3, 4, 5)),
    "paper": (("3m", "2s3z", "10m_vs_11m", "MMM2", "corridor"), (1, 2, 3, 4, 5)),
    "smoke": (("3m",), (1, 2)),
}
"""Maps and seeds by scale; conf/experiment/ has a scale's settings, under the same name."""


def read_plan(words: Sequence[str]) -> Plan:
    """Parse the words of `fedqmix paper`.

    Raises ConfigurationError for invalid options; the overrides are checked when a run is composed.
    """
    refuse_single(COMMAND, words, {**INSTEAD, "experiment": "scale=laptop"})
    scale, rest = take_choice(words, "scale", "laptop", tuple(SCALES))
    all_maps, all_seeds = SCALES[scale]
    maps, rest = take_names(rest, "maps", all_maps)
    algorithms, rest = take_names(rest, "algorithms", ALGORITHMS, groups()["algorithm"])
    strategies, rest = take_names(rest, "strategies", STRATEGIES, groups()["strategy"])
    run_dir, rest = take(rest, "run_dir")
    seeds, rest = take_seeds(rest)
    refuse_sweeps(COMMAND, rest)
    return Plan(
        command=COMMAND,
        path=Path(f"runs/paper-{scale}" if run_dir is None else run_dir),
        maps=maps,
        algorithms=algorithms,
        strategies=strategies,
        seeds=tuple(seeds or all_seeds),
        overrides=(f"experiment={scale}", *rest),
        equal_steps=True,
    )
