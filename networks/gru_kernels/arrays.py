"""The arguments of the kernels, as numpy arrays: networks, episodes and workspace."""

from __future__ import annotations

from typing import NamedTuple

from fedqmix.runtime.core.world import Bools, Integers
from fedqmix.runtime.kernels.compile import Numbers


class ParameterArrays(NamedTuple):
    """A stack's parameters, or their gradients, in the order of networks.gru.PARAMETER_NAMES."""

    fc_weight: Numbers  # [agents, obs_dim + n_actions + n_agents, width]
    fc_bias: Numbers  # [agents, width]
    weight_ih: Numbers  # [agents, width, 3 * width]
    weight_hh: Numbers  # [agents, width, 3 * width]
    bias_ih: Numbers  # [agents, 3 * width]
    bias_hh: Numbers  # [agents, 3 * width]
    head_weight: Numbers  # [agents, width, n_actions]
    head_bias: Numbers  # [agents, n_actions]


class Network(NamedTuple):
    """A stack's parameters as the kernels read them; gates in the order reset, update, new."""

    features: Numbers  # [agents, obs_dim + n_actions + n_agents, width]
    always: Numbers  # [agents, width], the features' bias plus the weights of the one-hot agent id
    inside: Numbers  # [agents, 3, width, width], features -> gates
    recurrent: Numbers  # [agents, 3, width, width], hidden -> gates
    bias: Numbers  # [agents, 4, width]: reset, update, new's input side, new's hidden side
    head: Numbers  # [agents, width, columns]: n_actions, zero-padded to whole tiles (runtime.kernels.product)
    head_bias: Numbers  # [agents, columns]


class Episodes(NamedTuple):
    """Episodes in the buffer, and the layout of a batch of them; see runtime.core.timeline."""

    observations: Numbers  # [agents, buffer rows, obs_dim]
    available_actions: Bools  # [agents, buffer rows, n_actions]
    actions: Integers  # [agents, buffer rows]
    rows: Integers  # [moments], the buffer's row of each moment in the timeline's order
    lengths: Integers  # [batch], descending
    offsets: Integers  # [longest + 2], moments before each time step


class SavedActivations(NamedTuple):
    """The activations that the backward pass needs: [agents, moments, width], block after block."""

    previous: Numbers  # hidden state before the moment
    features: Numbers
    reset: Numbers
    update: Numbers
    new: Numbers
    side: Numbers  # new's hidden side


class Gradients(NamedTuple):
    """Each block's share of the gradients; they are summed in the order of blocks."""

    features: Numbers  # [blocks, agents, obs_dim + n_actions, width]
    always: Numbers  # [blocks, agents, width]
    inside: Numbers  # [blocks, agents, 3, width, width]
    recurrent: Numbers  # [blocks, agents, 3, width, width]
    bias: Numbers  # [blocks, agents, 4, width]
    head: Numbers  # [blocks, agents, n_actions, width]
    head_bias: Numbers  # [blocks, agents, n_actions]
