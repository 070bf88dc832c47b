"""Environment steps per second of a Python package's environments, for analysis.benchmarks.packages.

    python peer_package.py PACKAGE

The peer's Python runs it, with the package and gymnasium. It plays one episode after another: random actions,
observations and rewards at every environment step. It imports nothing of this project.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

import gymnasium
import numpy as np

DRAWN = 1000  # environment steps whose actions are drawn together


def rate(name: str, seconds: float, made: dict[str, Any]) -> float:
    """Return environment steps per second. Episodes that end are reset."""
    if name not in made:
        made[name] = gymnasium.make(name, disable_env_checker=True).unwrapped
    env, draws = made[name], np.random.default_rng(0)
    choices = [space.n for space in env.action_space]
    env.reset(seed=0)
    steps, begun, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < seconds:
        for actions in draws.integers(choices, size=(DRAWN, len(choices))).tolist():
            _, _, terminated, truncated, _ = env.step(actions)
            steps += 1
            if terminated or truncated:
                env.reset()
                elapsed = time.perf_counter() - begun
                if elapsed >= seconds:
                    break
        elapsed = time.perf_counter() - begun
    return steps / elapsed


def main() -> None:
    """Print maps and versions, then a rate per request; one JSON object per line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of imported packages is not an answer
    package = sys.argv[1]
    before = set(gymnasium.registry)
    importlib.import_module(package)
    known = {
        "maps": sorted(set(gymnasium.registry) - before),
        "version": importlib.metadata.version(package),
        "with": f"numpy {np.__version__}, gymnasium {gymnasium.__version__}",
    }
    print(json.dumps(known), file=answers, flush=True)
    made: dict[str, Any] = {}
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps({"rate": rate(question["map"], question["seconds"], made)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
