"""What a report of a comparison of named methods reads beside the runs: sizes of networks, and anchors of returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fedqmix.analysis.benchmarks.spread import measure
from fedqmix.analysis.reports.runs import OURS, Run, TeamSize
from fedqmix.analysis.reports.sharing import Anchors
from fedqmix.conf.registry import OWN
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.envs.bps.options import BpsOptions
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, FederationError, FedqmixError
from fedqmix.runtime.core.team_arrays import plain_name
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes
from fedqmix.runtime.runs.lifecycle.resuming import AGGREGATE
from fedqmix.runtime.runs.lifecycle.root_network import root_network
from fedqmix.runtime.runs.lifecycle.summaries import SUMMARY, read_summary
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.untrusted import ADVICE
from fedqmix.strategies.options import SubNetworkSettings
from fedqmix.strategies.sub_networks import SubNetworks

POLICIES = ("centre", "lookahead")
EPISODES = 1000
"""Episodes of each hand-written policy; their returns' standard error is about 1 % (docs/bps.md)."""


def with_size(run: Run) -> Run:
    """Return a run of a named method with the size of its team's networks, where its checkpoint is whole."""
    if run.source != OURS or not run.method:
        return run
    with suppress(FedqmixError):  # playing the networks again gives the reason
        return replace(run, size=team_size(Path(run.label)))
    return run


def team_size(folder: Path) -> TeamSize:
    """Count a run's parameters from its newest checkpoint, and from its summary where agents hold sub-networks.

    Before the first training step clusters hold equal numbers, which count once. Raises CheckpointError when one is
    missing or damaged, ConfigurationError when the networks are a user's own code, which a report does not import.
    """
    config, checkpoint = load(folder), reading.load(reading.locate(folder))
    if OWN in (config.model.name, config.algorithm.name):
        raise ConfigurationError(f"{folder}: its networks are code of a user's, which a report does not import.")
    spec = team_spec(config.map, config.env)
    figures = read_summary(folder).get("strategy_figures", {})
    if isinstance(config.strategy, SubNetworkSettings) and "units" in figures:
        return _of_sub_networks(folder, config, spec, figures["units"])
    sizes = {name: prod(shape) for name, shape in agent_shapes(config, spec).items()}
    aggregates = [plain_name(name) for name in checkpoint.tensors.get(AGGREGATE, {}) if plain_name(name) in sizes]
    personal = spec.n_agents * sum(size for name, size in sizes.items() if name not in aggregates)
    return TeamSize(sum(sizes[name] for name in aggregates) + personal, sum(sizes.values()))


def anchors_of(runs: Sequence[Run]) -> dict[str, Anchors]:
    """Play the hand-written policies in each named task that has them; return the anchors by task.

    Raises CheckpointError when a run's settings are damaged.
    """
    found: dict[str, Anchors] = {}
    for run in runs:
        if run.source != OURS or not run.task or run.task in found:
            continue
        config = load(Path(run.label))
        if isinstance(config.env, BpsOptions):
            played = measure([config.map], config.env, POLICIES, EPISODES)["results"][config.map]
            centre, lookahead = (played[policy]["return_mean"] for policy in POLICIES)
            found[run.task] = Anchors(centre, lookahead, EPISODES)
    return found


def _of_sub_networks(folder: Path, config: Config, spec: TeamSpec, units: Mapping[str, Any]) -> TeamSize:
    """units: group -> the units of each agent, such as "0 3 7", as a summary has them."""
    root = root_network(config, spec)
    try:
        numbers = {group: [agent.split() for agent in own] for group, own in units.items()}
        held = SubNetworks(root, {group: np.array(own, np.int64) for group, own in numbers.items()})
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError, StopIteration, FederationError) as error:
        raise CheckpointError(f"{folder / SUMMARY} is damaged: its units are not valid. {ADVICE}") from error
    return TeamSize(held.gradient_places().size, root.size())
