"""The kernels over a range of transitions: the next moments' values, then TD errors and gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedqmix.algorithms.q_learning.kernels.compile import inner, kernel
from fedqmix.algorithms.q_learning.kernels.hypernetwork import Hypernetwork, Workspace, run, run_back, workspace_for
from fedqmix.algorithms.q_learning.kernels.mixing import mix, mix_back
from fedqmix.runtime.core.world import Integers
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.product import copy

ROWS = 64  # transitions at a time: enough to read the weights rarely, few enough to stay in the cache


class Mixing(NamedTuple):
    """QMIX's hypernetworks, or their gradients, under the names in algorithms.q_learning.mixers.qmix."""

    weight_1: Hypernetwork
    bias_1: Hypernetwork
    weight_2: Hypernetwork
    value: Hypernetwork


class Transitions(NamedTuple):
    """The states of the transitions of a batch, in the mixer side's buffer."""

    states: Numbers  # [buffer rows, state_dim]
    rows: Integers  # [transitions], the buffer's row of each transition's state
    next_rows: Integers  # [transitions], the buffer's row of the next state


@kernel
def next_values(
    target: Mixing, transitions: Transitions, first: int, last: int, q_next: Numbers, values: Numbers
) -> None:
    """Compute the target mixer's Q_total at the moments after transitions first .. last - 1.

    q_next: [agents, transitions]. Fills values[first:last], of values [transitions].
    """
    agents = q_next.shape[0]
    dtype = q_next.dtype
    state = np.empty((ROWS, transitions.states.shape[1]), dtype)
    workspaces = workspaces_for(target)
    hidden, own_q = np.empty((ROWS, workspaces[1].outputs.shape[1]), dtype), np.empty((agents, ROWS), dtype)
    for begin in range(first, last, ROWS):
        rows = min(ROWS, last - begin)
        span = slice(begin, begin + rows)
        gather(transitions.states, transitions.next_rows[span], state[:rows])
        copy(q_next[:, span], own_q[:, :rows])
        mixed(target, state[:rows], workspaces, own_q, hidden, values[span])


@kernel
def learn(
    online: Mixing,
    transitions: Transitions,
    first: int,
    last: int,
    td_targets: Numbers,
    q_taken: Numbers,
    grad_q: Numbers,
    errors: Numbers,
    gradients: Mixing,
) -> None:
    """Compute TD errors of transitions first .. last - 1, and their gradients of the batch's mean squared TD error.

    td_targets: [transitions]. q_taken: [agents, transitions].
    Fills their columns of grad_q [agents, transitions] and errors [transitions]; adds to gradients.
    """
    agents, count = q_taken.shape
    dtype = q_taken.dtype
    state = np.empty((ROWS, transitions.states.shape[1]), dtype)
    workspaces = workspaces_for(online)
    embed = workspaces[1].outputs.shape[1]
    hidden, total = np.empty((ROWS, embed), dtype), np.empty(ROWS, dtype)
    grad_weight_1, grad_bias_1 = np.empty((ROWS, agents * embed), dtype), np.empty((ROWS, embed), dtype)
    grad_weight_2, grad = np.empty((ROWS, embed), dtype), np.empty((ROWS, 1), dtype)
    flow_1, flow_2 = np.empty((ROWS, online.weight_1.second.shape[0]), dtype), np.empty((ROWS, embed), dtype)
    own_q, own_grad = np.empty((agents, ROWS), dtype), np.empty((agents, ROWS), dtype)
    for begin in range(first, last, ROWS):
        rows = min(ROWS, last - begin)
        span = slice(begin, begin + rows)
        seen = state[:rows]
        gather(transitions.states, transitions.rows[span], seen)
        copy(q_taken[:, span], own_q[:, :rows])
        mixed(online, seen, workspaces, own_q, hidden, total[:rows])
        for i in range(rows):
            errors[begin + i] = total[i] - td_targets[begin + i]
            grad[i, 0] = dtype.type(2) * errors[begin + i] / dtype.type(count)
        mix_back(
            grad[:rows, 0],
            own_q,
            workspaces[0].outputs,
            workspaces[2].outputs,
            hidden,
            own_grad,
            grad_weight_1,
            grad_bias_1,
            grad_weight_2,
        )
        copy(own_grad[:, :rows], grad_q[:, span])
        run_back(online.weight_1, seen, workspaces[0], grad_weight_1[:rows], flow_1, gradients.weight_1)
        run_back(online.bias_1, seen, workspaces[1], grad_bias_1[:rows], flow_1, gradients.bias_1)
        run_back(online.weight_2, seen, workspaces[2], grad_weight_2[:rows], flow_1, gradients.weight_2)
        run_back(online.value, seen, workspaces[3], grad[:rows], flow_2, gradients.value)


@inner
def workspaces_for(mixing: Mixing) -> tuple[Workspace, Workspace, Workspace, Workspace]:
    """Return workspaces for ROWS transitions."""
    return (
        workspace_for(mixing.weight_1, ROWS),
        workspace_for(mixing.bias_1, ROWS),
        workspace_for(mixing.weight_2, ROWS),
        workspace_for(mixing.value, ROWS),
    )


@inner
def mixed(
    mixing: Mixing,
    states: Numbers,
    workspaces: tuple[Workspace, Workspace, Workspace, Workspace],
    q: Numbers,
    hidden: Numbers,
    total: Numbers,
) -> None:
    """Run the hypernetworks and mix; see `mix`."""
    run(mixing.weight_1, states, workspaces[0])
    run(mixing.bias_1, states, workspaces[1])
    run(mixing.weight_2, states, workspaces[2])
    run(mixing.value, states, workspaces[3])
    mix(q, workspaces[0].outputs, workspaces[1].outputs, workspaces[2].outputs, workspaces[3].outputs, hidden, total)


@inner
def gather(table: Numbers, rows: Integers, into: Numbers) -> None:
    """Copy rows of a table: into[i] = table[rows[i]]."""
    for i in range(into.shape[0]):
        row = rows[i]
        for j in range(into.shape[1]):
            into[i, j] = table[row, j]
