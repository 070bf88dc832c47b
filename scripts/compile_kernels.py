"""Compile all kernels into the cache on disk: processes that start later, such as those of the tests, load them.

    python scripts/compile_kernels.py

Takes about a minute with an empty cache, seconds with a full one.
"""

from __future__ import annotations

from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels

if __name__ == "__main__":
    compile_kernels(compose(["map=3m", "runtime.threads=1", "runtime.backend=compiled"]))
