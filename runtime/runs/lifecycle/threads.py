"""How many threads a process computes with."""

from __future__ import annotations

import torch

from fedqmix.conf.schema import RuntimeConfig
from fedqmix.runtime.kernels.thread_pool import ThreadPool


def share_out(runtime: RuntimeConfig) -> None:
    """Give the kernels the configured threads, and torch one.

    On a processor what is left to torch are small operations between kernels: handing them to other threads takes more
    time than it saves. It also makes the result the same whatever the number of threads. A GPU does not mind.
    """
    ThreadPool.usual = runtime.threads
    torch.set_num_threads(1)
