"""Q-values: of one moment for acting, of whole episodes for learning."""

from __future__ import annotations

import numpy as np

from fedqmix.networks.gru_kernels.arrays import Episodes, Network, SavedActivations
from fedqmix.networks.gru_kernels.compile import inner, kernel
from fedqmix.networks.gru_kernels.gates import advance
from fedqmix.networks.gru_kernels.layout import side_of
from fedqmix.runtime.core.world import Bools, Integers
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import copy, product, repeat

ROWS = 32  # rows at a time: enough to read the weights rarely, few enough to stay in the cache


@inner
def moment(
    network: Network,
    agent: int,
    observations: Numbers,
    last_actions: Integers,
    previous: Numbers,
    features: Numbers,
    reset: Numbers,
    update: Numbers,
    new: Numbers,
    side: Numbers,
    hidden: Numbers,
    products: Numbers,
    q: Numbers,
) -> None:
    """Compute one moment of one agent in some episodes.

    observations: [rows, obs_dim]. last_actions: [rows], -1 before the first. previous: [rows, width].
    products: [4, rows or more, width], workspace. Fills the others [rows, width] and q [rows, columns of the head].
    """
    rows, width = previous.shape
    obs_dim = observations.shape[1]
    zero = observations.dtype.type(0)
    weight, always = network.features[agent], network.always[agent]
    product(observations, weight[:obs_dim], features, False)
    for row in range(rows):
        if last_actions[row] >= 0:
            acted = weight[obs_dim + last_actions[row]]
            for j in range(width):
                features[row, j] += acted[j]
        for j in range(width):
            total = features[row, j] + always[j]
            features[row, j] = zero if total < zero else total
    for gate in range(3):
        product(features, network.inside[agent, gate], products[gate, :rows], False)
        product(previous, network.recurrent[agent, gate], products[side_of(gate), :rows], gate < 2)
    advance(products, network.bias[agent], previous, reset, update, new, side, hidden)
    repeat(network.head_bias[agent], q)
    product(hidden, network.head[agent], q, True)


@inner
def passing_moment(
    network: Network,
    agent: int,
    observations: Numbers,
    last_actions: Integers,
    hidden: Numbers,
    workspace: Numbers,
    products: Numbers,
    q: Numbers,
) -> None:
    """Compute one moment without saving activations: advance the hidden state in place and fill q.

    workspace: [6, rows or more, width]. The other arguments as for `moment`.
    """
    rows = hidden.shape[0]
    copy(hidden, workspace[5, :rows])
    moment(
        network,
        agent,
        observations,
        last_actions,
        workspace[5, :rows],
        workspace[0, :rows],
        workspace[1, :rows],
        workspace[2, :rows],
        workspace[3, :rows],
        workspace[4, :rows],
        hidden,
        products,
        q,
    )


@kernel
def values(
    online: Network,
    target: Network,
    episodes: Episodes,
    agent: int,
    first: int,
    last: int,
    start: int,
    double_q: bool,
    saved: SavedActivations,
    q_taken: Numbers,
    q_next: Numbers,
) -> None:
    """Compute one agent's Q-values in episodes first .. last - 1 of the batch.

    start: where the block's moments begin in saved. double_q: the online network selects the next action.
    Fills the block's moments of saved, and its transitions of q_taken and q_next [agents, transitions].
    """
    observations, available = episodes.observations[agent], episodes.available_actions[agent]
    actions, rows, lengths, offsets = episodes.actions[agent], episodes.rows, episodes.lengths, episodes.offsets
    batch, most = lengths.shape[0], last - first
    width, columns = online.head.shape[1:]
    dtype = online.head.dtype
    seen = np.empty((most, observations.shape[1]), dtype)
    last_actions = np.full(most, -1)
    products = np.empty((4, most, width), dtype)
    hidden = np.zeros((most, width), dtype)
    workspace, hidden_target = np.empty((6, most, width), dtype), np.zeros((most, width), dtype)
    q, q_target = np.empty((most, columns), dtype), np.empty((most, columns), dtype)
    begin, count = start, most
    for time in range(lengths[first] + 1):
        while lengths[first + count - 1] < time:  # the shortest episodes come last
            count -= 1
        for i in range(count):
            row = rows[offsets[time] + first + i]
            for j in range(seen.shape[1]):
                seen[i, j] = observations[row, j]
        end = begin + count
        previous = saved.previous[agent, begin:end]
        copy(hidden[:count], previous)
        moment(
            online,
            agent,
            seen[:count],
            last_actions,
            previous,
            saved.features[agent, begin:end],
            saved.reset[agent, begin:end],
            saved.update[agent, begin:end],
            saved.new[agent, begin:end],
            saved.side[agent, begin:end],
            hidden[:count],
            products,
            q[:count],
        )
        passing_moment(
            target, agent, seen[:count], last_actions, hidden_target[:count], workspace, products, q_target[:count]
        )
        for i in range(count):
            episode = first + i
            row = rows[offsets[time] + episode]
            if time > 0:  # the moment after transition k is moment batch + k
                selector = q[i] if double_q else q_target[i]
                q_next[agent, offsets[time] + episode - batch] = q_target[i, best_of(selector, available[row])]
            if time < lengths[episode]:
                last_actions[i] = actions[row]
                q_taken[agent, offsets[time + 1] + episode - batch] = q[i, actions[row]]
        begin = end


@inner
def best_of(q: Numbers, available: Bools) -> int:
    """Return the available action of highest value, the first of equals."""
    best = -1
    for action in range(available.shape[0]):
        if available[action] and (best < 0 or q[action] > q[best]):
            best = action
    return max(best, 0)
