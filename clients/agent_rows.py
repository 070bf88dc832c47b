"""The types of a training step: one team's sampled episodes, and the rows computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.runtime.core.episodes import SampledEpisodes

WayBack = Callable[[Mapping[str, torch.Tensor]], None]
"""Fills the gradients of a stack's online parameters, given those of the differentiable rows by name."""


class Sampled(NamedTuple):
    """One team and the episodes that it learns from."""

    agents: AgentStack
    episodes: SampledEpisodes


class AgentRows(NamedTuple):
    """One team's rows by name, each [agents, count, *shape]."""

    rows: Mapping[str, torch.Tensor]  # with graph, unless there is a way back
    way_back: WayBack | None = None  # where autograd does not know it
