"""QMIX's mixing of a few transitions, and its gradients; see algorithms.q_learning.mixers.qmix.

Q_total = |w2|^T elu(|W1| q + b1) + v
"""

from __future__ import annotations

from fedqmix.algorithms.q_learning.kernels.compile import inner
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.exponential import exponential


@inner
def mix(
    q: Numbers, weight_1: Numbers, bias_1: Numbers, weight_2: Numbers, value: Numbers, hidden: Numbers, total: Numbers
) -> None:
    """Mix the first rows transitions of q [agents, transitions].

    weight_1: [rows, agents * embed]. bias_1, weight_2: [rows, embed]. value: [rows, 1].
    Fills hidden [rows, embed], the hidden layer before elu, and total [rows].
    """
    embed = bias_1.shape[1]
    one = hidden.dtype.type(1)
    for t in range(total.shape[0]):
        for j in range(embed):
            hidden[t, j] = bias_1[t, j]
        for agent in range(q.shape[0]):
            for j in range(embed):
                hidden[t, j] += q[agent, t] * abs(weight_1[t, agent * embed + j])
        mixed = value[t, 0]
        for j in range(embed):
            x = hidden[t, j]
            mixed += abs(weight_2[t, j]) * (x if x > 0 else exponential(x) - one)
        total[t] = mixed


@inner
def mix_back(
    grad: Numbers,
    q: Numbers,
    weight_1: Numbers,
    weight_2: Numbers,
    hidden: Numbers,
    grad_q: Numbers,
    grad_weight_1: Numbers,
    grad_bias_1: Numbers,
    grad_weight_2: Numbers,
) -> None:
    """Compute the gradients of `mix` from the gradient of the totals, grad [rows].

    Other arguments as for `mix`; fills the last four. A weight of 0 has the gradient 0, as in torch.
    """
    embed = weight_2.shape[1]
    one = grad.dtype.type(1)
    zero = one - one
    for t in range(grad.shape[0]):
        for j in range(embed):
            x, w = hidden[t, j], weight_2[t, j]
            power = exponential(x if x < 0 else zero)
            signed = grad[t] if w > 0 else (-grad[t] if w < 0 else zero)
            grad_weight_2[t, j] = signed * (x if x > 0 else power - one)
            grad_bias_1[t, j] = grad[t] * abs(w) * power
        for agent in range(q.shape[0]):
            flow = zero
            for j in range(embed):
                w, g = weight_1[t, agent * embed + j], grad_bias_1[t, j]
                flow += g * abs(w)
                signed = g if w > 0 else (-g if w < 0 else zero)
                grad_weight_1[t, agent * embed + j] = signed * q[agent, t]
            grad_q[agent, t] = flow
