"""The types of a training step: one team's sampled episodes, and the rows computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.runtime.core.episodes import SampledEpisodes

WayBack = Callable[[Mapping[str, torch.Tensor]], None]
"""Computes the gradients of a stack's online parameters from the differentiable rows' gradients by name."""


class Sampled(NamedTuple):
    """One team and its sampled episodes."""

    agents: AgentStack
    episodes: SampledEpisodes


class AgentRows(NamedTuple):
    """One team's rows by name, each [agents, count, *shape]."""

    rows: Mapping[str, torch.Tensor]  # with an autograd graph when way_back is None
    way_back: WayBack | None = None  # the backward pass, where autograd has no graph
