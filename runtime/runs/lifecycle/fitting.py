"""Checks of a checkpoint's tensor names and shapes against a run's settings.

They run before any network is built.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path

import torch

from fedqmix.algorithms import find_algorithm, make_networks, make_team_half
from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.training import stored_name
from fedqmix.conf.schema import AlgorithmConfig, Config
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.core.array_names import BUFFER, EXP_AVG, EXP_AVG_SQ, TARGET
from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.core.team_arrays import of_agent, plain_name
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.strategies.faults import REFUSED
from fedqmix.strategies.identity.strategy import CENTRES, CLUSTER_OF, COURSE, ENV_STEPS, FITS
from fedqmix.strategies.options import IdentitySettings
from fedqmix.strategies.team import SERVER

Shape = tuple[int, ...]
Tensors = Mapping[str, torch.Tensor]
MOMENTS = ("exp_avg", "exp_avg_sq")
MOMENTS_OF_SERVER = {"none": (), "momentum": ("momentum",), "adam": ("m", "v")}
"""Names of the moments by strategy.server_optimiser; see strategies.server_optimiser."""


def agent_shapes(config: Config, spec: TeamSpec) -> dict[str, Shape]:
    """Return the shape of every parameter of one agent, by name."""
    algorithm = find_algorithm(config.algorithm)
    return make_networks(algorithm, config.algorithm, agent_model(config), spec).shapes()


def require_agents(place: Path, found: Tensors, config: Config, spec: TeamSpec, agents: int) -> None:
    """Check the group of a stack of agents (clients.agents.AgentStack.state).

    place: the checkpoint, for errors. Raises CheckpointError that names the first tensor which
    is missing or has another shape.
    """
    shapes = {name: (agents, *shape) for name, shape in agent_shapes(config, spec).items()}
    _require(place, found, _networks(("online", "target"), shapes) | {"counters": (4,)})
    buffers = {name: (agents, *value.shape[1:]) for name, value in found.items() if name.startswith(BUFFER)}
    _require(place, found, buffers)
    _require_moments(place, found, shapes)


def require_mixer(place: Path, found: Tensors, spec: TeamSpec, algorithm: AlgorithmConfig) -> None:
    """Check the group of the mixer's side (server.team_learner.TeamLearner.state); raises as `require_agents` does."""
    half = _team_half(place, spec, algorithm)
    shapes = {stored_name(name): tuple(value.shape) for name, value in half.state_dict().items()}
    sums = {"train_steps": (), "sums": (2 + len(half.figures),)}
    _require(place, found, _networks(("mixer", "target"), shapes) | sums)
    _require_moments(place, found, shapes)
    for name, shape in {"battle_sums": (4,), "largest_reward": ()}.items():
        if name in found:  # older checkpoints lack them
            _require(place, found, {name: shape})
    for name in found:
        if name.startswith(("mixer.", "target.")) and name.partition(".")[2] not in shapes:
            raise CheckpointError(_unfit(place, f"{name} is in it, which algorithm={algorithm.name} has not"))


def require_shared(place: Path, found: Tensors, spec: TeamSpec, config: Config) -> None:
    """Check the strategy's last aggregates, by the names of runtime.core.team_arrays and without the agent axis.

    Raises CheckpointError as `require_agents` does.
    """
    for agent in range(spec.n_agents):
        _require(place, of_agent(found, agent), _shared_shapes(spec, config))


def require_strategy(place: Path, found: Tensors, spec: TeamSpec, config: Config) -> None:
    """Check a strategy's state between rounds.

    It is empty before the first round, and then holds all tensors that the settings need. Raises CheckpointError as
    `require_agents` does. A user's own strategy checks its own state.
    """
    settings, shapes = config.strategy, _shared_shapes(spec, config)
    if isinstance(settings, IdentitySettings) and settings.name != "own" and clusters_of(config) is None:
        _require_clusters(place, found, spec.n_agents, settings.identity_latent)
    if REFUSED in found:  # present only when an agent was refused
        _require(place, found, {REFUSED: (spec.n_agents,)})
    moments = [EXP_AVG, EXP_AVG_SQ] if settings.adam_moments == "average" else []
    beside = [*([TARGET] if settings.share_targets else []), *moments]
    server = [f"{SERVER}{moment}." for moment in MOMENTS_OF_SERVER[settings.server_optimiser]]
    for kinds, kept in ((beside, (TARGET, EXP_AVG, EXP_AVG_SQ)), (server, (SERVER,))):
        if any(plain_name(name).startswith(kept) for name in found) and settings.name != "own":
            expected = {kind + name: shape for kind in kinds for name, shape in shapes.items()}
            for agent in range(spec.n_agents):
                _require(place, of_agent(found, agent), expected)


def _require_clusters(place: Path, found: Tensors, agents: int, latent: int) -> None:
    """Check the clusters that a run has found, and their figures. Raises CheckpointError."""
    count = len(found[CENTRES]) if CENTRES in found else 1
    tried = len(found[FITS]) if FITS in found else 1
    parts = found[COURSE].numel() if COURSE in found else 1
    shapes = {CLUSTER_OF: (agents,), CENTRES: (count, latent), FITS: (tried, 3), COURSE: (parts,), ENV_STEPS: (1,)}
    _require(place, found, shapes)
    if set(found[CLUSTER_OF].tolist()) != set(range(count)) or tried == 0:
        raise CheckpointError(f"{place} is damaged: its clusters are not numbered from 0 to {count - 1}.")
    numbers = (found[CENTRES], found[FITS][:, 0], found[COURSE], found[ENV_STEPS])
    if not all(torch.isfinite(each).all() for each in numbers):
        raise CheckpointError(f"{place} is damaged: figures of its clusters are not finite.")


def require_played(place: Path, found: Tensors, config: Config, spec: TeamSpec) -> None:
    """Check the parameters that a team is to play with: [agents, ...] by name; raises as `require_agents` does."""
    _require(place, found, {name: (spec.n_agents, *one) for name, one in agent_shapes(config, spec).items()})


def _shared_shapes(spec: TeamSpec, config: Config) -> dict[str, Shape]:
    """Return the shapes of the parameters that strategy.shared names, of one agent."""
    shapes, patterns = agent_shapes(config, spec), config.strategy.shared
    return {name: shape for name, shape in shapes.items() if any(fnmatch.fnmatchcase(name, one) for one in patterns)}


def _networks(kinds: tuple[str, ...], shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {f"{kind}.{name}": shape for kind in kinds for name, shape in shapes.items()}


def _team_half(place: Path, spec: TeamSpec, algorithm: AlgorithmConfig) -> TeamHalf:
    """Return a team half on the meta device, where it takes no memory, whatever its size."""
    try:
        with torch.device("meta"):
            return make_team_half(find_algorithm(algorithm), algorithm, spec, seed=0)
    except (RuntimeError, OverflowError) as error:
        raise CheckpointError(_unfit(place, "algorithm.* sets a mixer that is larger than any")) from error


def _require_moments(place: Path, found: Tensors, shapes: Mapping[str, Shape]) -> None:
    """Check Adam's state: empty before the first training step, else complete."""
    if any(name.startswith("adam.") for name in found):
        expected = _networks(tuple(f"adam.{moment}" for moment in MOMENTS), shapes)
        _require(place, found, expected | {f"adam.step.{name}": () for name in shapes})


def _require(place: Path, found: Tensors, expected: Mapping[str, Shape]) -> None:
    for name, shape in expected.items():
        if name not in found:
            raise CheckpointError(_unfit(place, f"{name} is not in it"))
        if (own := tuple(found[name].shape)) != shape:
            raise CheckpointError(_unfit(place, f"{name} has the shape {list(own)}, and {list(shape)} is needed"))


def _unfit(place: Path, what: str) -> str:
    return (
        f"{place} does not fit the run's settings: {what}. Put the settings back that the run was begun with (map, "
        "env.*, model.*, algorithm.*, strategy.*), or begin a new run."
    )
