"""The threads that a process computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fedqmix.conf.schema import RuntimeConfig
from fedqmix.runtime.kernels.thread_pool import ThreadPool


def share_out(runtime: RuntimeConfig) -> None:
    """Set the configured number of threads for kernels, and one thread for torch.

    On a CPU torch runs only small operations between kernels; other threads cost more time than they save. One thread
    also makes results independent of the number of threads. A GPU is unaffected.
    """
    ThreadPool.usual = runtime.threads
    torch.set_num_threads(1)


@contextmanager
def shared_out(runtime: RuntimeConfig) -> Iterator[None]:
    """Share out the threads for a while, and restore their numbers afterwards: a caller's program goes on with its own.

    Another thread's computations with torch use one thread meanwhile.
    """
    before = ThreadPool.usual, torch.get_num_threads()
    share_out(runtime)
    try:
        yield
    finally:
        ThreadPool.usual = before[0]
        torch.set_num_threads(before[1])
