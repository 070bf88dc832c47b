"""Layers with a leading agent axis, the encoded input, and the initialisation of weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.networks.base import Parameters, Seen
from fedqmix.runtime.core.world import TeamSpec


class InputSettings(Protocol):
    """What an input holds beside the observation."""

    agent_id: bool
    last_action: bool


def input_width(spec: TeamSpec, settings: InputSettings) -> int:
    """Return the width of the flat input.

    The input holds the observation and, as the settings have it, the one-hot last action and the one-hot agent id.
    """
    return spec.obs_dim + settings.last_action * spec.n_actions + settings.agent_id * spec.n_agents


def flat_input(seen: Seen, spec: TeamSpec, settings: InputSettings) -> torch.Tensor:
    """Return the input of a feed-forward layer: [agents, rows, input_width] float32.

    The last action's columns are 0 before an episode's first action.
    """
    agents, rows, obs_dim = seen.observations.shape
    inputs = seen.observations.new_zeros(agents, rows, input_width(spec, settings))
    inputs[..., :obs_dim] = seen.observations
    if settings.last_action:
        acted = seen.last_actions >= 0
        column = (seen.last_actions.clamp(min=0) + obs_dim).unsqueeze(-1)
        inputs.scatter_(2, column, acted.unsqueeze(-1).to(inputs.dtype))
    if settings.agent_id:
        first = inputs.shape[-1] - spec.n_agents
        inputs.scatter_(2, (seen.agent_ids + first).view(-1, 1, 1).expand(agents, rows, 1), 1.0)
    return inputs


def linear(parameters: Parameters, name: str, inputs: torch.Tensor) -> torch.Tensor:
    """Apply the layer `name` of each agent: [agents, rows, inputs] -> [agents, rows, outputs]."""
    return torch.baddbmm(parameters[f"{name}.bias"].unsqueeze(1), inputs, parameters[f"{name}.weight"])


def uniform(random: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> NDArray[np.float32]:
    """Draw uniformly in +-1 / sqrt(fan_in), PyTorch's default for weights and biases."""
    drawn: NDArray[np.float32] = (random.uniform(-1, 1, shape) / np.sqrt(fan_in)).astype(np.float32)
    return drawn


def orthogonal(random: np.random.Generator, rows: int, columns: int, blocks: int = 1) -> NDArray[np.float32]:
    """Draw a matrix [rows, columns] of orthogonal blocks side by side (Saxe et al. 2014, arXiv 1312.6120).

    In each block, the rows or the columns, whichever are fewer, are orthonormal and uniformly distributed.
    """
    drawn = [_orthogonal(random, rows, columns // blocks) for _ in range(blocks)]
    whole: NDArray[np.float32] = np.concatenate(drawn, axis=1).astype(np.float32)
    return whole


def _orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))
    return q if rows >= columns else q.T
