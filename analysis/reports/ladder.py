"""One recipe on a list of maps: environment steps to win rates, and whether these last."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from fedqmix.analysis.reports import cells
from fedqmix.analysis.reports.cells import NOTHING
from fedqmix.analysis.reports.figures import ENV_STEPS, Figure, curves_figure
from fedqmix.analysis.reports.results import THRESHOLDS, Summary, reached, summary
from fedqmix.analysis.reports.runs import Run, varying, written
from fedqmix.analysis.reports.statistics import Scores
from fedqmix.analysis.reports.tables import Table
from fedqmix.server.records.scores import WON, WON_FIXED

LOST, KEPT = 0.5, 0.8
"""Win rates below which a learned policy counts as lost, and above which as kept."""
LEARNED = 0.9
"""The win rate at which a policy counts as learned; lost and kept are counted from its first evaluation on."""
TAIL = 10
"""The end of a run is its last 1/TAIL of the evaluations."""


@dataclass(frozen=True)
class Rung:
    """The results of one recipe on one map, over its seeds.

    level: the map's class of difficulty. recipe: algorithm, strategy, experiment, and the settings in which their runs
    differ on the map. starts: the starts of evaluation episodes, "varied" or "fixed"; a recipe measured from both has
    two rungs. env_steps, seconds, env_steps_a_second: medians of the whole runs. reached: win rate -> environment step
    of the first evaluation with it, median; infinite where most seeds have none. end: mean win rate of the last tenth
    of the evaluations. lost, kept: share of the evaluations after the first with LEARNED that won less than LOST and
    more than KEPT, median over the seeds with such evaluations; None where no seed has any. tuned_per_map, one_setting:
    the published win rates.
    """

    map: str
    level: str
    recipe: str
    starts: str
    seeds: int
    env_steps: float
    reached: Mapping[float, float]
    end: Summary
    lost: float | None
    kept: float | None
    seconds: float
    env_steps_a_second: float
    tuned_per_map: float | None
    one_setting: float | None


def rungs(runs: Sequence[Run], levels: Mapping[str, str]) -> list[Rung]:
    """Return a rung for every map and recipe.

    levels: map -> class of difficulty, in the order of the table.
    Runs without an evaluation, and runs on other maps, are left out.
    """
    found = by_recipe(runs)
    return [
        _rung(map_, level, recipe, members, starts, won)
        for map_, level in levels.items()
        for recipe, members in found.get(map_, {}).items()
        for starts, won in _measured(members).items()
    ]


def by_recipe(runs: Sequence[Run]) -> dict[str, dict[str, list[Run]]]:
    """Group runs by map and recipe.

    A recipe's name includes the settings in which runs differ on one map.
    """
    families: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.rows:
            families[run.map][f"{run.algorithm} {run.strategy} {run.experiment}".strip()].append(run)
    found: dict[str, dict[str, list[Run]]] = {map_: {} for map_ in sorted(families)}
    for map_, by_family in families.items():
        for family, members in sorted(by_family.items()):
            decisive = [_decisive(run) for run in members]
            names = varying(decisive)
            for run, settings in sorted(zip(members, decisive, strict=True), key=lambda pair: pair[0].seed):
                suffixes = [f"{name.rpartition('.')[2]}={written(settings.get(name))}" for name in names]
                found[map_].setdefault(", ".join([family, *suffixes]), []).append(run)
    return found


def table(found: Sequence[Rung], command: str) -> Table:
    """Return the rungs as a table. command: the command line, for the caption."""
    heads = ["map", "class", "recipe", "starts", "seeds", "env steps"]
    heads += [f"first {threshold:.0%}" for threshold in THRESHOLDS]
    heads += ["last tenth", f"below {LOST:.0%} after", f"above {KEPT:.0%} after", "hours", "steps/s"]
    heads += ["another world, SC2 4.10: tuned per map", "another world, SC2 4.10: one setting"]
    return Table(
        "ladder",
        "Win rates by map",
        f"{_CAPTION} {published()['source']}.\nMade by: {command}",
        heads,
        [
            [
                rung.map,
                rung.level,
                rung.recipe,
                rung.starts,
                str(rung.seeds),
                cells.steps(rung.env_steps),
                *(cells.steps(rung.reached[threshold]) for threshold in THRESHOLDS),
                cells.rate(rung.end),
                *(_share(value) for value in (rung.lost, rung.kept)),
                f"{rung.seconds / 3600:.2f}",
                f"{rung.env_steps_a_second:,.0f}",
                *(NOTHING if value is None else f"{value:.2f}" for value in (rung.tuned_per_map, rung.one_setting)),
            ]
            for rung in found
        ],
    )


def document(found: Sequence[Rung]) -> list[dict[str, Any]]:
    """Return the rungs as JSON values: null for unreached win rates and missing values."""
    return [
        {
            **asdict(rung),
            "reached": {str(rate): steps if math.isfinite(steps) else None for rate, steps in rung.reached.items()},
        }
        for rung in found
    ]


def picture(runs: Sequence[Run], levels: Mapping[str, str], command: str) -> Figure | None:
    """Draw the win rates over environment steps, one panel per map; None when there are no runs."""
    found = by_recipe(runs)
    methods = {map_: found[map_] for map_ in levels if map_ in found}
    caption = f"Win rates of the evaluations in training. Made by: {command}"
    return curves_figure("ladder", "Win rates by map", caption, methods, ENV_STEPS, columns=4)


@cache
def published() -> dict[str, Any]:
    """Load fine-tuned QMIX's published win rates in percent, by kind and map, and their source."""
    known: dict[str, Any] = json.loads(
        resources.files("fedqmix.analysis.reports").joinpath("published.json").read_text("utf-8")
    )
    return known


def _measured(members: Sequence[Run]) -> dict[str, str]:
    """Return starts -> the key of the win rate from these starts."""
    judging = {members[0].starts or "not known": WON}
    return judging | ({"fixed": WON_FIXED} if all(run.has(WON_FIXED) for run in members) else {})


def _rung(map_: str, level: str, recipe: str, members: Sequence[Run], starts: str, won: str) -> Rung:
    steps, seconds = (np.array([run.column(key)[-1] for run in members]) for key in ("env_step", "elapsed_s"))
    after = [later for run in members if (later := _after(run.column(won))).size]
    return Rung(
        map=map_,
        level=level,
        recipe=recipe,
        starts=starts,
        seeds=len(members),
        env_steps=float(np.median(steps)),
        reached={threshold: reached(members, threshold, won).median for threshold in THRESHOLDS},
        end=summary([np.array([end_of(run.column(won)) for run in members])]),
        lost=_median([float((later < LOST).mean()) for later in after]),
        kept=_median([float((later > KEPT).mean()) for later in after]),
        seconds=float(np.median(seconds)),
        env_steps_a_second=float(np.median(steps / np.maximum(seconds, 1e-9))),
        tuned_per_map=_published("tuned_per_map", map_),
        one_setting=_published("one_setting", map_),
    )


def end_of(win_rates: Scores) -> float:
    """Return the mean of the last tenth of a run's evaluations, at least one.

    win_rates: [evaluations].
    """
    return float(win_rates[-math.ceil(len(win_rates) / TAIL) :].mean())


def _after(win_rates: Scores) -> Scores:
    """Return the win rates after the first one that reached LEARNED; empty when none did."""
    learned = np.flatnonzero(win_rates >= LEARNED)
    return win_rates[learned[0] + 1 :] if learned.size else win_rates[:0]


def _decisive(run: Run) -> dict[str, Any]:
    """Return all values in which two seeds of one recipe on one map agree."""
    measured = {"episodes": run.episodes, "every_env_steps": run.every_env_steps, "judging starts": run.starts}
    return {"world": run.world, "game": run.game, **run.settings, **run.world_settings, **measured}


def _published(kind: str, map_: str) -> float | None:
    return published()[kind][map_] / 100 if map_ in published()[kind] else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


_CAPTION = """\
Starts: whether the battles of evaluations begin in the map's places or in places drawn around them; training's begin \
in the map's.
First 50% and 90%: environment steps up to the first evaluation that won so many, median over the seeds; 'not' where \
most never did.
Last tenth: mean win rate of the last tenth of the evaluations; of several seeds their mean (least to greatest), from \
five on the interquartile mean [95 % stratified bootstrap interval] (Agarwal et al. 2021, arXiv 2108.13264).
Below 50% and above 80% after: share of the evaluations after the first that won 90%, median over the seeds that have \
such.
Hours and steps/s: of training with its evaluations, median over the seeds, beside whatever else the machine did.
SC2 4.10: another world, StarCraft II 4.10, in which nothing of this was trained. Published win rates of fine-tuned \
QMIX, medians after 10 million environment steps, tuned per map and with one setting for all maps:"""
