"""The plan `adaptive` of `fedqmix paper`: adaptive parameter sharing beside its baselines, in worlds of several types.

nops          a network for each agent
fups          one network for all, which does not know who acts
fups_id       one network for all, with the agent's number among its inputs
seps          a network for each found cluster (Christianos et al. 2021, arXiv 2102.07475)
oracle        the same for the true types
adaps         a sub-network of one network for each found cluster (Li et al. 2023, arXiv 2312.09009)
adaps_random  the same with random sub-networks: only the clusters are left of AdaPS
snp_ps        a random sub-network for each agent (Kim and Sung 2023, arXiv 2303.00912)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fedqmix.envs.registry import SUITES
from fedqmix.runtime.configuration.choices import listed, of_another, words_of
from fedqmix.runtime.configuration.seeds import name_of, take_seeds
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.comparison.plan import Cell, Method, Plan, Task
from fedqmix.runtime.runs.comparison.words import INSTEAD, refuse_single, refuse_sweeps, take, take_choice, take_names

NAME = "adaptive"
NO_ID = "model.agent_id=false"
METHODS: Mapping[str, tuple[str, ...]] = {
    "nops": ("strategy=none", NO_ID),
    "fups": ("strategy=full_sharing", NO_ID),
    "fups_id": ("strategy=full_sharing", "model.agent_id=true"),
    "seps": ("strategy=seps", NO_ID),
    "oracle": ("strategy=seps", "strategy.clusters=types", NO_ID),
    "adaps": ("strategy=adaps", NO_ID),
    "adaps_random": ("strategy=adaps", "strategy.masks=random", NO_ID),
    "snp_ps": ("strategy=snp_ps", NO_ID),
}
"""The settings of each method."""
TASKS: Mapping[str, tuple[str, ...]] = {
    "bps-mini": ("env=bps", "map=bps-1", "env.groups=3", "env.group_size=2"),
    "v3-mini": ("env=bps", "map=bps-3", "env.group_size=2"),
    "bps-1": ("env=bps", "map=bps-1"),
    "lbf-fixed": ("env=lbf", "map=Foraging-fixed-8x8-6p-3f-v2"),
}
"""The settings of each task; `tasks` has those whose suite is there."""
DEFAULTS = ("experiment=spread", "algorithm=iql", "model=mlp")


class Scale(NamedTuple):
    """The tasks, seeds and settings of a scale. identity: settings of the methods that may find clusters."""

    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    words: tuple[str, ...]
    identity: tuple[str, ...] = ()


SCALES: Mapping[str, Scale] = {
    "laptop": Scale(("bps-mini", "v3-mini"), (1, 2, 3, 4, 5), ("stop.env_steps=150000",)),
    "paper": Scale(("bps-mini", "v3-mini", "bps-1"), (1, 2, 3, 4, 5), ("stop.env_steps=300000",)),
    "smoke": Scale(
        ("bps-mini",),
        (1, 2),
        (
            "stop.env_steps=2000",
            "evaluation.every_env_steps=500",
            "evaluation.episodes=8",
            "strategy.aggregation_interval=10",
            "algorithm.batch_size=8",
            "algorithm.parallel_episodes=4",
            "model.hidden=16",
        ),
        (
            "strategy.identity_episodes=8",
            "strategy.identity_steps=100",
            "strategy.identity_silhouette=-1",
            "strategy.identity_converged=0",
        ),
    ),
}


def read_adaptive(command: str, words: Sequence[str]) -> Plan:
    """Parse the words of `fedqmix paper plan=adaptive`, without plan=.

    Raises ConfigurationError for invalid options, and for a setting that no run would have, because a method or task
    has its own; the other overrides are checked when a run is composed.
    """
    instead = {
        "map": "tasks=[bps-mini]",
        "env": "tasks=[bps-mini]",
        "strategy": "methods=[seps,adaps]",
        "seed": INSTEAD["seed"],
        "experiment": "scale=laptop",
    }
    refuse_single(command, words, instead)
    scale, rest = take_choice(words, "scale", "laptop", tuple(SCALES))
    of_scale = SCALES[scale]
    task_names, rest = take_names(rest, "tasks", of_scale.tasks, tuple(tasks()))
    method_names, rest = take_names(rest, "methods", tuple(METHODS), tuple(METHODS))
    run_dir, rest = take(rest, "run_dir")
    seeds, rest = take_seeds(rest)
    refuse_sweeps(command, rest)
    given = {name_of(word) for word in rest}
    defaults = (word for word in (*DEFAULTS, *of_scale.words) if name_of(word) not in given)
    identity = [word for word in of_scale.identity if name_of(word) not in given]
    plan = Plan(
        command=command,
        path=Path(f"runs/{command}-{NAME}-{scale}" if run_dir is None else run_dir),
        tasks=tuple(Task(name, tasks()[name]) for name in task_names),
        methods=tuple(_method(name, identity) for name in method_names),
        seeds=tuple(seeds or of_scale.seeds),
        overrides=(*defaults, *rest),
        equal_steps=True,
        heads=("task", "method"),
        named=True,
    )
    for word in rest:
        _require_effect(word, plan.cells)
    return plan


def tasks() -> Mapping[str, tuple[str, ...]]:
    """Return the settings of each task whose suite there is."""
    return {name: words for name, words in TASKS.items() if words[0].removeprefix("env=") in SUITES}


def _method(name: str, identity: Sequence[str]) -> Method:
    """Return a method with those settings of identities that its strategy has."""
    strategy = METHODS[name][0].removeprefix("strategy=")
    return Method((name,), (*METHODS[name], *words_of(identity, (("strategy", strategy),))))


def _require_effect(word: str, cells: Iterable[Cell]) -> None:
    """Check that not every run has a setting of its own in place of a word. Raises ConfigurationError."""
    name = name_of(word)
    having = [cell for cell in cells if not of_another(name, cell.chosen)]
    own = [{name_of(one) for one in (*cell.task.words, *cell.method.words)} for cell in having]
    if having and all(name in names for names in own):
        holders = listed(list(dict.fromkeys(part for cell in having for part in _holders(cell, name))))
        raise ConfigurationError(f"'{word}' would have no effect: {name} is set by {holders}. Leave it out.")


def _holders(cell: Cell, name: str) -> list[str]:
    """Return the names of a run's task and method, of those that set a setting."""
    parts = ((cell.task.name, cell.task.words), (cell.method.names[0], cell.method.words))
    return [called for called, words in parts if any(name_of(word) == name for word in words)]
