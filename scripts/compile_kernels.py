"""Compile all kernels into the cache on disk: processes that start later, such as those of the tests, load them.

    python scripts/compile_kernels.py

Takes about a minute with an empty cache, seconds with a full one.
"""

from __future__ import annotations

from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.side_by_side.compiling import compile_kernels

RUNS = (
    ["map=corridor"],
    ["map=3m", "env.randomise=both"],
    ["env=bps"],
    ["env=lbf"],
    ["env=predator_prey"],
    ["env=rware", "env.episode_limit=10"],
)
"""Settings that use every kernel together: a map with ways around walls, drawn teams, and the other suites."""

if __name__ == "__main__":
    for words in RUNS:
        compile_kernels(compose(["experiment=smoke", "runtime.backend=compiled", "runtime.threads=1", *words]))
