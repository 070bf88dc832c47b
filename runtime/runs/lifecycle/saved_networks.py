"""The networks in a checkpoint: those that a team plays with, and those that another run begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.runs.lifecycle.resuming import AGENTS, AGGREGATE
from fedqmix.runtime.runs.lifecycle.sides import stacked

ONLINE = "online."


def saved_networks(tensors: Mapping[str, Mapping[str, torch.Tensor]], n_agents: int) -> dict[str, torch.Tensor]:
    """Return the parameters in a checkpoint: the agents' own, and the aggregates over them.

    tensors: by group and name, as the checkpoint has them. Returns [agents, ...] by name.
    Raises CheckpointError as `stacked` does.
    """
    own = tensors.get(AGENTS, {}).items()
    found = {name.removeprefix(ONLINE): value for name, value in own if name.startswith(ONLINE)}
    return found | stacked(tensors.get(AGGREGATE, {}), n_agents)


def networks(
    tensors: Mapping[str, Mapping[str, torch.Tensor]], n_agents: int, names: Iterable[str]
) -> dict[str, torch.Tensor]:
    """Return some of the parameters in a checkpoint: [agents, ...] by name.

    Raises CheckpointError when some are not there: in a federation personal ones stay with their agents.
    """
    found = saved_networks(tensors, n_agents)
    lacking = [name for name in names if name not in found]
    if lacking:
        raise CheckpointError(f"{', '.join(lacking)} stayed with the agents")
    return {name: found[name] for name in names}
