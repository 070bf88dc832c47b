"""One moment of the GRU without its matrix products, forward and backward.

The equations: networks.gru_recurrence.
"""

from __future__ import annotations

from fedqmix.networks.gru_kernels.compile import inner
from fedqmix.runtime.kernels.compile import Numbers
from fedqmix.runtime.kernels.exponential import exponential


@inner
def advance(
    products: Numbers,
    bias: Numbers,
    previous: Numbers,
    reset: Numbers,
    update: Numbers,
    new: Numbers,
    side: Numbers,
    hidden: Numbers,
) -> None:
    """Compute the gates and the hidden state.

    products: [4, rows or more, width], the matrix products: for reset and update, the sums over features and previous
    hidden state; for new, its input side and its hidden side. bias: [4, width], in the same order.
    previous: [rows, width].
    Fills reset, update, new, side (new's hidden side) and hidden [rows, width]; none may be previous.
    """
    rows, width = previous.shape
    one = previous.dtype.type(1)
    two = one + one
    for row in range(rows):
        for j in range(width):
            r = one / (one + exponential(-(products[0, row, j] + bias[0, j])))
            z = one / (one + exponential(-(products[1, row, j] + bias[1, j])))
            s = products[3, row, j] + bias[3, j]
            n = one - two / (one + exponential(two * (products[2, row, j] + bias[2, j] + r * s)))
            reset[row, j] = r
            update[row, j] = z
            new[row, j] = n
            side[row, j] = s
            hidden[row, j] = n + z * (previous[row, j] - n)


@inner
def retreat(
    grad: Numbers,
    previous: Numbers,
    reset: Numbers,
    update: Numbers,
    new: Numbers,
    side: Numbers,
    grad_reset: Numbers,
    grad_update: Numbers,
    grad_new: Numbers,
    grad_side: Numbers,
) -> None:
    """Compute the gates' gradients from the hidden state's gradient; all arrays are flat: [rows * width].

    Fills grad_reset, grad_update, grad_new (before the gates' activation functions) and grad_side. Replaces grad by its
    direct part for the previous hidden state.
    """
    one = grad.dtype.type(1)
    for i in range(grad.shape[0]):
        r, z, n = reset[i], update[i], new[i]
        through_new = grad[i] * (one - z) * (one - n * n)
        grad_reset[i] = through_new * side[i] * r * (one - r)
        grad_update[i] = grad[i] * (previous[i] - n) * z * (one - z)
        grad_new[i] = through_new
        grad_side[i] = through_new * r
        grad[i] = grad[i] * z
