"""Backpropagation through time and layers: each agent's gradient from the gradient of its q_taken."""

from __future__ import annotations

import numpy as np

from fedqmix.networks.gru_kernels.arrays import Episodes, Gradients, Network, SavedActivations
from fedqmix.networks.gru_kernels.compile import inner, kernel
from fedqmix.networks.gru_kernels.gates import retreat
from fedqmix.networks.gru_kernels.layout import clear, side_of
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import copy, product

CHUNK = 128  # moments per matrix product: few enough to stay in the cache


@kernel
def gradients(
    online: Network,
    episodes: Episodes,
    agent: int,
    block: int,
    first: int,
    last: int,
    start: int,
    saved: SavedActivations,
    grad: Numbers,
    gradient_shares: Gradients,
) -> None:
    """Compute the gradient of one agent's parameters over episodes first .. last - 1 of the batch.

    start: where the block's moments begin in saved. grad: [agents, transitions], d loss / d q_taken.
    Fills [block, agent] of gradient_shares.

    The kernel processes moments backwards, a few time steps at a time: first the gates' gradients, one time step after
    another, then one product for each weight.
    """
    clear(gradient_shares, block, agent)
    dtype = online.head.dtype
    width, obs_dim = online.head.shape[1], episodes.observations.shape[2]
    begins = moments_before(episodes.lengths, first, last, start)
    most = max(CHUNK, last - first)
    gates = np.empty((4, most, width), dtype)  # gradients of reset, update, new, new's hidden side
    observed, passed = np.empty((most, obs_dim), dtype), np.empty((most, width), dtype)
    inside, recurrent = transposed(online.inside[agent]), transposed(online.recurrent[agent])
    head = np.empty((online.head.shape[2], width), dtype)
    copy(online.head[agent].T, head)
    carried = np.zeros((last - first, width), dtype)  # the hidden state's gradient
    upper = episodes.lengths[first] + 1
    while upper > 0:
        lower = upper - 1
        while lower > 0 and begins[upper] - begins[lower - 1] <= most:
            lower -= 1
        origin = begins[lower]
        for time in range(upper - 1, lower - 1, -1):
            span = slice(begins[time], begins[time + 1])
            from_head(episodes, agent, block, time, first, span.start, head, saved, grad, carried, gradient_shares)
            count, own = span.stop - span.start, slice(span.start - origin, span.stop - origin)
            retreat(
                carried[:count].ravel(),
                saved.previous[agent, span].ravel(),
                saved.reset[agent, span].ravel(),
                saved.update[agent, span].ravel(),
                saved.new[agent, span].ravel(),
                saved.side[agent, span].ravel(),
                gates[0, own].ravel(),
                gates[1, own].ravel(),
                gates[2, own].ravel(),
                gates[3, own].ravel(),
            )
            if time > 0:
                for gate in range(3):
                    product(gates[side_of(gate), own], recurrent[gate], carried[:count], True)
        of_weights(
            episodes, agent, block, lower, upper, first, begins, gates, inside, saved, observed, passed, gradient_shares
        )
        upper = lower


@inner
def from_head(
    episodes: Episodes,
    agent: int,
    block: int,
    time: int,
    first: int,
    begin: int,
    head: Numbers,
    saved: SavedActivations,
    grad: Numbers,
    carried: Numbers,
    gradient_shares: Gradients,
) -> None:
    """Add one moment's gradient from q_taken to the hidden states' gradient (carried) and to the head's.

    head: [columns, width]. begin: where the moment's rows begin in saved.
    """
    lengths, offsets = episodes.lengths, episodes.offsets
    of_head, of_bias = gradient_shares.head[block, agent], gradient_shares.head_bias[block, agent]
    row = begin
    while row - begin < carried.shape[0] and lengths[first + row - begin] > time:
        episode = first + row - begin
        action = episodes.actions[agent, episodes.rows[offsets[time] + episode]]
        slope = grad[agent, offsets[time + 1] + episode - lengths.shape[0]]
        of_bias[action] += slope
        previous, update, new = saved.previous[agent, row], saved.update[agent, row], saved.new[agent, row]
        flow, weight, of_weight = carried[row - begin], head[action], of_head[action]
        for j in range(flow.shape[0]):
            flow[j] += slope * weight[j]
        for j in range(flow.shape[0]):
            of_weight[j] += slope * (new[j] + update[j] * (previous[j] - new[j]))
        row += 1


@inner
def of_weights(
    episodes: Episodes,
    agent: int,
    block: int,
    lower: int,
    upper: int,
    first: int,
    begins: Integers,
    gates: Numbers,
    inside: Numbers,
    saved: SavedActivations,
    observed: Numbers,
    passed: Numbers,
    gradient_shares: Gradients,
) -> None:
    """Add the weights' gradients of time steps lower .. upper - 1, from the gates' gradients."""
    origin, count = begins[lower], begins[upper] - begins[lower]
    span = slice(origin, origin + count)
    features, previous = saved.features[agent, span], saved.previous[agent, span]
    passed = passed[:count]  # the features' gradient
    for gate in range(3):
        product(features.T, gates[gate, :count], gradient_shares.inside[block, agent, gate], True)
        product(previous.T, gates[side_of(gate), :count], gradient_shares.recurrent[block, agent, gate], True)
        product(gates[gate, :count], inside[gate], passed, gate > 0)
    for gate in range(4):
        add_rows(gradient_shares.bias[block, agent, gate], gates[gate, :count])
    cut_below_zero(passed.ravel(), features.ravel())
    add_rows(gradient_shares.always[block, agent], passed)
    of_features = gradient_shares.features[block, agent]
    obs_dim = observed.shape[1]
    for time in range(lower, upper):
        for i in range(begins[time + 1] - begins[time]):
            seen = episodes.observations[agent, episodes.rows[episodes.offsets[time] + first + i]]
            into = observed[begins[time] - origin + i]
            for j in range(obs_dim):
                into[j] = seen[j]
            if time > 0:
                action = episodes.actions[agent, episodes.rows[episodes.offsets[time - 1] + first + i]]
                add(of_features[obs_dim + action], passed[begins[time] - origin + i])
    product(observed[:count].T, passed, of_features[:obs_dim], True)


@inner
def moments_before(lengths: Integers, first: int, last: int, start: int) -> Integers:
    """Return where each time step's moments of a block begin, and the end of the last: [longest + 2]."""
    begins = np.empty(lengths[first] + 2, np.int64)
    begins[0] = start
    count = last - first
    for time in range(lengths[first] + 1):
        while lengths[first + count - 1] < time:
            count -= 1
        begins[time + 1] = begins[time] + count
    return begins


@inner
def transposed(weights: Numbers) -> Numbers:
    """Return each of the matrices [gates, rows, columns] transposed."""
    turned = np.empty((weights.shape[0], weights.shape[2], weights.shape[1]), weights.dtype)
    for gate in range(weights.shape[0]):
        copy(weights[gate].T, turned[gate])
    return turned


@inner
def add(to: Numbers, some: Numbers) -> None:
    """Add one row to another."""
    for i in range(to.shape[0]):
        to[i] += some[i]


@inner
def add_rows(to: Numbers, rows: Numbers) -> None:
    """Add every row to one."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            to[j] += rows[i, j]


@inner
def cut_below_zero(grad: Numbers, features: Numbers) -> None:
    """Set the gradient to 0 where ReLU returned 0."""
    zero = grad.dtype.type(0)
    for i in range(grad.shape[0]):
        grad[i] = grad[i] if features[i] > zero else zero
