"""The networks that a new run begins with, taken from another run (init_from=RUN).

Parameters are taken by name and shape. Agent i begins with those of the source's agent i; agents that the source's team
does not have begin with those of its agent 0. With strategy.common_start, the shared ones are agent 0's for all, as in
every run. The team's networks (the mixer) are taken where all of them fit, else they begin anew. Optimisers, episodes
and counters begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from fedqmix.algorithms import find_algorithm, make_team_half
from fedqmix.algorithms.training import stored_name
from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.runs import require_run, run_of
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes
from fedqmix.runtime.runs.lifecycle.resuming import AGENTS, MIXER
from fedqmix.runtime.runs.lifecycle.saved_networks import saved_networks
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.reading import Checkpoint
from fedqmix.strategies.options import SubNetworkSettings

OF_MIXER = "mixer."
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class InitialNetworks:
    """The first networks of a run.

    agents: parameters by name, [agents, ...]. mixer: the team half's by name, as checkpoints store them; empty where
    they begin anew. text: a line for the user.
    """

    agents: Tensors
    mixer: Tensors
    text: str


def initial_networks(config: Config) -> InitialNetworks | None:
    """Return the networks of config.init_from for this run's team; None without init_from.

    No file is changed. Raises ConfigurationError, naming the first parameter that does not fit with both shapes, and
    CheckpointError for a folder that is not a run or has no networks.
    """
    if config.init_from is None:
        return None
    if isinstance(config.strategy, SubNetworkSettings) and config.strategy.keep < 1:
        raise ConfigurationError(
            f"init_from={config.init_from} with strategy.keep={config.strategy.keep:g}: agents hold parts of a root "
            "network, which another run's networks do not fit. Write strategy.keep=1, or leave init_from out."
        )
    place = Path(config.init_from)
    require_run(run_of(place))
    source = load(run_of(place))
    their = team_spec(source.map, replace(source, env=with_known(source.env, code=None)).env)
    spec = team_spec(config.map, config.env)
    checkpoint = reading.load(reading.locate(place))
    agents = _agents(config, checkpoint, their, spec)
    mixer, of_mixer = _mixer(config, checkpoint, spec)
    return InitialNetworks(agents, mixer, f"{_begun(checkpoint, source, their, spec)}; {of_mixer}")


def _agents(config: Config, checkpoint: Checkpoint, their: TeamSpec, spec: TeamSpec) -> dict[str, torch.Tensor]:
    found = saved_networks(checkpoint.tensors, their.n_agents)
    for name, shape in agent_shapes(config, spec).items():
        if name not in found and AGENTS not in checkpoint.tensors:
            raise ConfigurationError(
                f"init_from={config.init_from} does not fit: {name} is not in it. It was trained as a federation, "
                "where each agent keeps the parameters that are not shared. Take a run with strategy.shared=['*'], or "
                "one that was trained in one process."
            )
        there = list(found[name].shape[1:]) if name in found else None
        if there != list(shape):
            what = "is not in it," if there is None else f"has the shape {there} in it,"
            raise ConfigurationError(
                f"init_from={config.init_from} does not fit: {name} {what} and {list(shape)} is needed. Take a run "
                "with the same model.* and algorithm, and a task with the same sizes, or a network whose parameters do "
                "not depend on them."
            )
    sources = [agent if agent < their.n_agents else 0 for agent in range(spec.n_agents)]
    return {name: found[name][sources].clone() for name in agent_shapes(config, spec)}


def _mixer(config: Config, checkpoint: Checkpoint, spec: TeamSpec) -> tuple[dict[str, torch.Tensor], str]:
    """Return the mixer's parameters, and what is said of them."""
    with torch.device("meta"):
        half = make_team_half(find_algorithm(config.algorithm), config.algorithm, spec, seed=0)
    needed = {stored_name(name): tuple(value.shape) for name, value in half.state_dict().items()}
    if not needed:
        return {}, f"{config.algorithm.name} has no mixer to begin with"
    group = checkpoint.tensors.get(MIXER, {})
    if not group:
        return {}, "the mixer begins anew, as a federation's run folder holds none"
    found = {name.removeprefix(OF_MIXER): value for name, value in group.items() if name.startswith(OF_MIXER)}
    for name, shape in needed.items():
        if name not in found or tuple(found[name].shape) != shape:
            there = f"{list(found[name].shape)} there" if name in found else "not there"
            return {}, f"the mixer begins anew, as {name} is {there} and {list(shape)} here"
    return {name: found[name].clone() for name in needed}, "the mixer, too"


def _begun(checkpoint: Checkpoint, source: Config, their: TeamSpec, spec: TeamSpec) -> str:
    text = f"beginning with the agents' networks of {checkpoint.path} ({source.map}, {their.n_agents} agents)"
    if spec.n_agents > their.n_agents:
        text += f", agents {their.n_agents} to {spec.n_agents - 1} with those of its agent 0"
    return text
