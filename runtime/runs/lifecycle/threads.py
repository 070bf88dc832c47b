"""The threads that a process computes with."""

from __future__ import annotations

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
