"""The two conditions under which torch's matrix products on a CPU give the same bits: threads and alignment."""

from __future__ import annotations

import torch

ALIGNMENT = 64
"""The alignment in bytes of the memory that torch allocates."""


def adopt_thread_limit() -> None:
    """Let torch's operations in the calling thread use as many threads as torch.set_num_threads allows.

    In a new thread, matrix products use all processors until torch reads its setting there; some operations read it,
    matrix products do not. With another number of threads, MKL adds in another order and rounds differently, so results
    would depend on which thread computes them. Reading the number is what makes torch apply it.
    """
    torch.get_num_threads()


def aligned(value: torch.Tensor) -> torch.Tensor:
    """Return the tensor, or a copy where it does not begin at a multiple of ALIGNMENT.

    MKL's products round by their operands' alignment. A slice of a stack's tensor may begin anywhere, and so may a row
    of a received message.
    """
    return value if value.data_ptr() % ALIGNMENT == 0 else value.clone()
