"""The plans of `fedqmix paper`: PPS-QMIX's methods and baselines on the maps of a scale, and adaptive sharing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedqmix.runtime.configuration.choices import listed
from fedqmix.runtime.configuration.names import groups
from fedqmix.runtime.configuration.seeds import name_of, take_seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison.adaptive import NAME as ADAPTIVE
from fedqmix.runtime.runs.comparison.adaptive import read_adaptive
from fedqmix.runtime.runs.comparison.plan import Plan, methods_of, tasks_of
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


PPS = "pps"
GRIDS = {PPS: ("maps", "algorithms", "strategies"), ADAPTIVE: ("tasks", "methods")}
"""The options that choose the runs of each plan."""


def read_plan(words: Sequence[str]) -> Plan:
    """Parse the words of `fedqmix paper`.

    Raises ConfigurationError for invalid options; the overrides are checked when a run is composed.
    """
    plan, rest = take_choice(words, "plan", PPS, tuple(GRIDS))
    _refuse_other_grids(plan, rest)
    return read_adaptive(COMMAND, rest) if plan == ADAPTIVE else _read_pps(rest)


def _refuse_other_grids(plan: str, words: Sequence[str]) -> None:
    """Check that no option chooses the runs of another plan. Raises ConfigurationError with those of this plan."""
    for word in words:
        for other, options in GRIDS.items():
            if other != plan and name_of(word) in options:
                own = listed([f"{option}=" for option in GRIDS[plan]])
                raise ConfigurationError(
                    f"'{word}': {name_of(word)}= is for plan={other}; the runs of plan={plan} are chosen by {own}."
                )


def _read_pps(words: Sequence[str]) -> Plan:
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
        tasks=tasks_of(maps),
        methods=methods_of(algorithms, strategies),
        seeds=tuple(seeds or all_seeds),
        overrides=(f"experiment={scale}", *rest),
        equal_steps=True,
    )
