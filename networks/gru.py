"""The agents' recurrent Q-network: obs + one-hot last action + one-hot agent id -> Linear -> ReLU -> GRU -> Linear.

Parameters are a plain dict of named tensors with a leading agent axis, so that "which layers are shared" is a
question about names, and a stack of one is the same program as a stack of N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from fedqmix.networks.recurrence import gru_cell, unroll
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.timeline import Timeline
from fedqmix.runtime.core.world import TeamSpec

PARAMETER_NAMES = (
    "fc.weight",
    "fc.bias",
    "gru.weight_ih",
    "gru.weight_hh",
    "gru.bias_ih",
    "gru.bias_hh",
    "head.weight",
    "head.bias",
)

Parameters = dict[str, torch.Tensor]
"""Named tensors [agents, ...]; weights are [agents, inputs, outputs], biases [agents, outputs]."""


Recurrence = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Timeline], torch.Tensor]
"""(gates_in, weight, bias, timeline) -> hidden states; see networks.recurrence.unroll."""


class NetworkSettings(Protocol):
    """What of the configuration a network needs."""

    hidden: int
    initialisation: str


def parameter_shapes(spec: TeamSpec, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return each parameter's shape for one agent, in the order of PARAMETER_NAMES."""
    inputs = spec.obs_dim + spec.n_actions + spec.n_agents
    return {
        "fc.weight": (inputs, hidden),
        "fc.bias": (hidden,),
        "gru.weight_ih": (hidden, 3 * hidden),
        "gru.weight_hh": (hidden, 3 * hidden),
        "gru.bias_ih": (3 * hidden,),
        "gru.bias_hh": (3 * hidden,),
        "head.weight": (hidden, spec.n_actions),
        "head.bias": (spec.n_actions,),
    }


def initial_parameters(agent_ids: tuple[int, ...], spec: TeamSpec, settings: NetworkSettings, seed: int) -> Parameters:
    """Draw every agent's first parameters, each from its own generator keyed by (seed, agent).

    initialisation "orthogonal": weights orthogonal (Saxe et al. 2014; each GRU gate by itself), biases 0.
    "uniform": PyTorch's default, uniform in +-1 / sqrt(inputs) (GRU and its biases: +-1 / sqrt(hidden)).
    """
    shapes = parameter_shapes(spec, settings.hidden)
    drawn = [_draw_agent(shapes, settings, seed, agent) for agent in agent_ids]
    return {name: torch.stack([one[name] for one in drawn]) for name in PARAMETER_NAMES}


def _draw_agent(
    shapes: dict[str, tuple[int, ...]], settings: NetworkSettings, seed: int, agent: int
) -> dict[str, torch.Tensor]:
    random = seeds.generator(seed, "initial parameters", agent)
    drawn = {}
    for name, shape in shapes.items():
        if settings.initialisation == "uniform":
            fan_in = shapes[name.replace("bias", "weight")][0] if not name.startswith("gru") else settings.hidden
            value = random.uniform(-1, 1, shape) / np.sqrt(fan_in)
        elif len(shape) == 1:
            value = np.zeros(shape)
        else:
            blocks = 3 if name.startswith("gru") else 1
            value = np.concatenate([_orthogonal(random, shape[0], shape[1] // blocks) for _ in range(blocks)], axis=1)
        drawn[name] = torch.from_numpy(value.astype(np.float32))
    return drawn


def _orthogonal(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return a matrix whose rows or columns (the fewer) are orthonormal, uniformly distributed."""
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))
    return q if rows >= columns else q.T


def network_inputs(
    observations: torch.Tensor, last_actions: torch.Tensor, agent_ids: torch.Tensor, spec: TeamSpec
) -> torch.Tensor:
    """Put together what the network reads.

    observations: [agents, rows, obs_dim] float32. last_actions: [agents, rows] int64, -1 before the first action.
    agent_ids: [agents] int64. Returns [agents, rows, obs_dim + n_actions + n_agents] float32.
    """
    agents, rows, obs_dim = observations.shape
    inputs = observations.new_zeros(agents, rows, obs_dim + spec.n_actions + spec.n_agents)
    inputs[..., :obs_dim] = observations
    acted = last_actions >= 0
    column = (last_actions.clamp(min=0) + obs_dim).unsqueeze(-1)
    inputs.scatter_(2, column, acted.unsqueeze(-1).to(inputs.dtype))
    inputs.scatter_(2, (agent_ids + obs_dim + spec.n_actions).view(-1, 1, 1).expand(agents, rows, 1), 1.0)
    return inputs


def joined(stacks: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put stacks one behind the other along the agent axis; a single one is not copied."""
    return stacks[0] if len(stacks) == 1 else torch.cat(list(stacks))


def joined_parameters(stacks: Sequence[Parameters]) -> Parameters:
    """Put the parameters of several stacks one behind the other; gradients find their way back to each."""
    return {name: joined([one[name] for one in stacks]) for name in stacks[0]}


def q_values(
    parameters: Parameters, inputs: torch.Tensor, timeline: Timeline, recurrence: Recurrence = unroll
) -> torch.Tensor:
    """Q-values of whole episodes.

    inputs: [agents, moments, inputs] in the timeline's order. recurrence: `unroll`, or what computes the same.
    Returns [agents, moments, n_actions].
    """
    recurrent = parameters["gru.weight_hh"], parameters["gru.bias_hh"]
    hidden = recurrence(_gates_in(parameters, inputs), *recurrent, timeline)
    return _head(parameters, hidden)


def q_step(parameters: Parameters, inputs: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Q-values of one moment of every battle, and the hidden state to pass in at the next.

    inputs: [agents, battles, inputs]. hidden: [agents, battles, width], zeros at the first moment.
    Returns [agents, battles, n_actions] and [agents, battles, width].
    """
    hidden = gru_cell(_gates_in(parameters, inputs), hidden, parameters["gru.weight_hh"], parameters["gru.bias_hh"])
    return _head(parameters, hidden), hidden


def _gates_in(parameters: Parameters, inputs: torch.Tensor) -> torch.Tensor:
    features = torch.baddbmm(parameters["fc.bias"].unsqueeze(1), inputs, parameters["fc.weight"]).relu()
    return torch.baddbmm(parameters["gru.bias_ih"].unsqueeze(1), features, parameters["gru.weight_ih"])


def _head(parameters: Parameters, hidden: torch.Tensor) -> torch.Tensor:
    return torch.baddbmm(parameters["head.bias"].unsqueeze(1), hidden, parameters["head.weight"])
