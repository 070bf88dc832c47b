"""Layers with a leading agent axis, the encoded input, and the initialisation of weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fedqmix.networks.base import Parameters, Seen, Shapes
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec

NO_HIDING = (
    "this network reads the observation as one vector, so no entity can be hidden from it: choose "
    "model=entity_attention or model=transformer."
)


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
    Raises ConfigurationError when entities are hidden: a flat input cannot leave them out.
    """
    if seen.hidden is not None:
        raise ConfigurationError(NO_HIDING)
    return torch.cat([seen.observations, beside(seen, spec, settings)], dim=-1)


def beside(seen: Seen, spec: TeamSpec, settings: InputSettings) -> torch.Tensor:
    """Return what an input holds beside the observation: [agents, rows, width] float32.

    The one-hot last action, 0 before an episode's first action, and the one-hot agent id, as the settings have them.
    """
    agents, rows = seen.last_actions.shape
    width = input_width(spec, settings) - spec.obs_dim
    inputs = seen.observations.new_zeros(agents, rows, width)
    if settings.last_action:
        acted = seen.last_actions >= 0
        inputs.scatter_(2, seen.last_actions.clamp(min=0).unsqueeze(-1), acted.unsqueeze(-1).to(inputs.dtype))
    if settings.agent_id:
        first = width - spec.n_agents
        inputs.scatter_(2, (seen.agent_ids + first).view(-1, 1, 1).expand(agents, rows, 1), 1.0)
    return inputs


def linear(parameters: Parameters, name: str, inputs: torch.Tensor) -> torch.Tensor:
    """Apply the layer `name` of each agent: [agents, ..., inputs] -> [agents, ..., outputs]; a bias may be absent."""
    weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
    flat = inputs if inputs.dim() == 3 else inputs.reshape(len(inputs), -1, inputs.shape[-1])
    found = torch.bmm(flat, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), flat, weight)
    return found if inputs.dim() == 3 else found.view(*inputs.shape[:-1], weight.shape[-1])


def layer_norm(parameters: Parameters, name: str, inputs: torch.Tensor) -> torch.Tensor:
    """Normalise [agents, ..., width] over the width, then scale and shift (Ba et al. 2016, arXiv 1607.06450)."""
    ones = (1,) * (inputs.dim() - 2)
    weight, bias = (
        parameters[f"{name}.{part}"].view(len(inputs), *ones, inputs.shape[-1]) for part in ("weight", "bias")
    )
    return torch.addcmul(bias, torch.nn.functional.layer_norm(inputs, inputs.shape[-1:]), weight)


def attend(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int, hidden: torch.Tensor | None = None
) -> torch.Tensor:
    """Return dot-product attention of several heads (Vaswani et al. 2017, arXiv 1706.03762).

    queries: [..., readers, heads * width]. keys, values: [..., entities, heads * width]. hidden: [..., readers or 1,
    entities] bool, True where a reader may not read; a reader that may read nothing gets 0.
    Returns [..., readers, heads * width]. Logits are divided by sqrt(width).
    """
    q, k, v = (_by_head(one, heads) for one in (queries, keys, values))  # [..., heads, rows, width]
    logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # [..., heads, readers, entities]
    if hidden is None:
        weights = logits.softmax(-1)
    else:  # a finite number, since the softmax of -inf alone is not a number, and neither is its gradient
        hidden = hidden.unsqueeze(-3)
        weights = logits.masked_fill(hidden, torch.finfo(logits.dtype).min).softmax(-1).masked_fill(hidden, 0)
    found: torch.Tensor = (weights @ v).transpose(-2, -3).flatten(-2)
    return found


def _by_head(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """[..., rows, heads * width] -> [..., heads, rows, width]."""
    return rows.reshape(*rows.shape[:-1], heads, rows.shape[-1] // heads).transpose(-2, -3)


def initial(
    random: np.random.Generator, shapes: Shapes, initialisation: str, hidden: int
) -> dict[str, NDArray[np.float32]]:
    """Draw the initial parameters of one agent, in the order of `shapes`.

    initialisation "orthogonal": orthogonal weights, for each gate of a layer gru.* separately, and biases 0.
    "uniform": PyTorch's default, +-1 / sqrt(inputs); for gru.*, +-1 / sqrt(hidden). Layer norms (*norm.*) begin as the
    identity.
    """
    drawn: dict[str, NDArray[np.float32]] = {}
    for name, shape in shapes.items():
        recurrent = name.startswith("gru")
        if name.endswith(("norm.weight", "norm.bias")):
            drawn[name] = np.full(shape, name.endswith("weight"), np.float32)
        elif initialisation == "uniform":
            fan_in = hidden if recurrent else shapes[name.replace("bias", "weight")][0]
            drawn[name] = uniform(random, shape, fan_in)
        elif len(shape) == 1:
            drawn[name] = np.zeros(shape, np.float32)
        else:
            drawn[name] = orthogonal(random, shape[0], shape[1], blocks=3 if recurrent else 1)
    return drawn


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
