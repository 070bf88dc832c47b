"""The conversion of networks into the kernels' layout, and of gradients out of it."""

from __future__ import annotations

from fedqmix.networks.gru_kernels.arrays import Gradients, Network, ParameterArrays
from fedqmix.networks.gru_kernels.compile import inner, kernel
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.compile import Numbers

NO_ID = -1
"""The row of an agent's id when the input holds none."""


@kernel
def arrange(parameters: ParameterArrays, id_rows: Integers, first: int, last: int, network: Network) -> None:
    """Fill a network's arrays for agents first .. last - 1; its `features` share the parameters' memory.

    id_rows: [agents], the row of the first layer that each agent's one-hot id selects.
    """
    width, n_actions = parameters.head_weight.shape[1:]
    columns = network.head.shape[2]
    zero = parameters.fc_bias.dtype.type(0)
    for agent in range(first, last):
        own = id_rows[agent]
        for j in range(width):
            network.always[agent, j] = parameters.fc_bias[agent, j]
            if own != NO_ID:
                network.always[agent, j] += parameters.fc_weight[agent, own, j]
        for gate in range(3):
            begin = gate * width
            for i in range(width):
                for j in range(width):
                    network.inside[agent, gate, i, j] = parameters.weight_ih[agent, i, begin + j]
                    network.recurrent[agent, gate, i, j] = parameters.weight_hh[agent, i, begin + j]
        for j in range(width):
            for gate in range(2):
                at = gate * width + j
                network.bias[agent, gate, j] = parameters.bias_ih[agent, at] + parameters.bias_hh[agent, at]
            network.bias[agent, 2, j] = parameters.bias_ih[agent, 2 * width + j]
            network.bias[agent, 3, j] = parameters.bias_hh[agent, 2 * width + j]
        for i in range(width):
            for j in range(columns):
                network.head[agent, i, j] = parameters.head_weight[agent, i, j] if j < n_actions else zero
        for j in range(columns):
            network.head_bias[agent, j] = parameters.head_bias[agent, j] if j < n_actions else zero


@kernel
def add_up(gradient_shares: Gradients, id_rows: Integers, first: int, last: int, gradient: ParameterArrays) -> None:
    """Fill the gradients of agents first .. last - 1 with the sums over blocks, added in the blocks' order."""
    width = gradient.head_weight.shape[1]
    seen = gradient_shares.features.shape[2]
    for agent in range(first, last):
        for block in range(gradient_shares.features.shape[0]):
            added = block > 0
            for i in range(seen):
                put(gradient_shares.features[block, agent, i], gradient.fc_weight[agent, i], added)
            put(gradient_shares.always[block, agent], gradient.fc_bias[agent], added)
            for gate in range(3):
                own = slice(gate * width, (gate + 1) * width)
                for i in range(width):
                    put(gradient_shares.inside[block, agent, gate, i], gradient.weight_ih[agent, i, own], added)
                    put(gradient_shares.recurrent[block, agent, gate, i], gradient.weight_hh[agent, i, own], added)
                put(gradient_shares.bias[block, agent, gate], gradient.bias_ih[agent, own], added)
                put(gradient_shares.bias[block, agent, side_of(gate)], gradient.bias_hh[agent, own], added)
            for i in range(width):
                put(gradient_shares.head[block, agent, :, i], gradient.head_weight[agent, i], added)
            put(gradient_shares.head_bias[block, agent], gradient.head_bias[agent], added)
        gradient.fc_weight[agent, seen:, :] = 0  # the rows of other agents' ids
        if id_rows[agent] != NO_ID:
            put(gradient.fc_bias[agent], gradient.fc_weight[agent, id_rows[agent]], False)


@inner
def side_of(gate: int) -> int:
    """Return the index of a gate's hidden side.

    The hidden side of new is separate from its input side, as only the former is reset.
    """
    return 3 if gate == 2 else gate


@inner
def put(row: Numbers, into: Numbers, added: bool) -> None:
    """Copy a row into another, or add it."""
    if added:
        for j in range(into.shape[0]):
            into[j] += row[j]
    else:
        for j in range(into.shape[0]):
            into[j] = row[j]


@inner
def clear(gradient_shares: Gradients, block: int, agent: int) -> None:
    """Set the share of one block and agent to zero."""
    for matrix in (
        gradient_shares.features[block, agent],
        gradient_shares.bias[block, agent],
        gradient_shares.head[block, agent],
    ):
        matrix[:] = 0
    gradient_shares.always[block, agent][:] = 0
    gradient_shares.head_bias[block, agent][:] = 0
    for gate in range(3):
        gradient_shares.inside[block, agent, gate][:] = 0
        gradient_shares.recurrent[block, agent, gate][:] = 0
