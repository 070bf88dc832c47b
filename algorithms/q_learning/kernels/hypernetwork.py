"""A hypernetwork of one or two linear layers with ReLU between, forward and backward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedqmix.algorithms.q_learning.kernels.compile import inner
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import product, repeat


class Hypernetwork(NamedTuple):
    """The layers' parameters, or their gradients; with one layer, the second is empty."""

    first: Numbers  # [state_dim, hidden or outputs]
    first_bias: Numbers
    second: Numbers  # [hidden, outputs]
    second_bias: Numbers


class Workspace(NamedTuple):
    """The workspace of one hypernetwork for a number of rows."""

    hidden: Numbers  # [rows, hidden], after ReLU; empty with one layer
    outputs: Numbers  # [rows, outputs]
    second_turned: Numbers  # [outputs, hidden], the second weight as the right operand of products


@inner
def workspace_for(network: Hypernetwork, rows: int) -> Workspace:
    """Return the workspace of one hypernetwork."""
    hidden, outputs = network.second.shape
    dtype = network.first.dtype
    return Workspace(
        np.empty((rows, hidden), dtype),
        np.empty((rows, outputs if hidden else network.first.shape[1]), dtype),
        network.second.T.copy(),
    )


@inner
def run(network: Hypernetwork, state: Numbers, workspace: Workspace) -> None:
    """Compute workspace.outputs for states [rows, state_dim]."""
    rows = state.shape[0]
    if network.second.shape[0] == 0:
        linear(state, network.first, network.first_bias, workspace.outputs[:rows])
        return
    hidden = workspace.hidden[:rows]
    linear(state, network.first, network.first_bias, hidden)
    zero = hidden.dtype.type(0)
    flat = hidden.ravel()
    for i in range(flat.shape[0]):
        flat[i] = zero if flat[i] < zero else flat[i]
    linear(hidden, network.second, network.second_bias, workspace.outputs[:rows])


@inner
def run_back(
    network: Hypernetwork, state: Numbers, workspace: Workspace, grad: Numbers, flow: Numbers, gradients: Hypernetwork
) -> None:
    """Add the parameters' gradients to `gradients`. grad: the gradient of the outputs [rows, outputs].

    workspace: as filled by `run`. flow: [rows or more, hidden], workspace.
    """
    rows = state.shape[0]
    if network.second.shape[0] == 0:
        linear_back(state, grad, gradients.first, gradients.first_bias)
        return
    hidden = workspace.hidden[:rows]
    linear_back(hidden, grad, gradients.second, gradients.second_bias)
    product(grad, workspace.second_turned, flow[:rows], False)
    into, out = flow[:rows].ravel(), hidden.ravel()
    zero = flow.dtype.type(0)
    for i in range(into.shape[0]):
        into[i] = into[i] if out[i] > zero else zero
    linear_back(state, flow[:rows], gradients.first, gradients.first_bias)


@inner
def linear(inputs: Numbers, weight: Numbers, bias: Numbers, outputs: Numbers) -> None:
    """Compute outputs = inputs weight + bias."""
    repeat(bias, outputs)
    product(inputs, weight, outputs, True)


@inner
def linear_back(inputs: Numbers, grad: Numbers, weight: Numbers, bias: Numbers) -> None:
    """Add the gradients of a linear layer's weight and bias."""
    product(inputs.T, grad, weight, True)
    for row in range(grad.shape[0]):
        for j in range(bias.shape[0]):
            bias[j] += grad[row, j]
