"""The number of threads of torch's operations, in threads that the program starts."""

from __future__ import annotations

import torch


def adopt_thread_limit() -> None:
    """Let torch's operations in the calling thread use as many threads as torch.set_num_threads allows.

    In a new thread, matrix products use all processors until torch reads its setting there; some operations read it,
    matrix products do not. With another number of threads, MKL adds in another order and rounds differently, so results
    would depend on which thread computes them. Reading the number is what makes torch apply it.
    """
    torch.get_num_threads()
