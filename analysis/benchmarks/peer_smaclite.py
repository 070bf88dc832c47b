"""Environment steps per second of SMAClite, for analysis.benchmarks.peers.

The peers' Python runs it, with SMAClite's source, gymnasium, scikit-learn and Rtree. It plays one episode after
another: random available actions, observations, state, reward and available actions at every environment step. It
imports nothing of this project.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from typing import Any

import numpy as np

Question = dict[str, Any]


def maps() -> list[str]:
    """Return the names of SMAClite's maps."""
    from smaclite.env.maps.map import MapPreset

    return [preset.value.name for preset in MapPreset]


def rate(question: Question, made: dict[str, Any]) -> float:
    """Return environment steps per second.

    Episodes that end, or reach the map's limit, are reset.
    """
    import gymnasium

    name, limit = question["map"], question["episode_limit"]
    if name not in made:
        made[name] = gymnasium.make(f"smaclite/{name}-v0", seed=1, disable_env_checker=True).unwrapped
    env, draws = made[name], np.random.default_rng(0)
    env.reset()
    legal, age = env.get_avail_actions(), 0
    steps, begun, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < question["seconds"]:
        actions = [int(draws.choice(np.flatnonzero(mask))) for mask in legal]
        _, _, over, _, _ = env.step(actions)
        env.get_state()
        age += 1
        if over or age == limit:
            env.reset()
            env.get_state()
            age = 0
        legal = env.get_avail_actions()
        steps += 1
        elapsed = time.perf_counter() - begun
    return steps / elapsed


def main() -> None:
    """Print maps and versions, then a rate per request; one JSON object per line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of imported packages is not an answer
    sys.path.insert(0, sys.argv[1])
    known = {
        "maps": maps(),
        "version": "source",
        "with": f"numpy {np.__version__}, scikit-learn {importlib.metadata.version('scikit-learn')}",
    }
    print(json.dumps(known), file=answers, flush=True)
    made: dict[str, Any] = {}
    for line in sys.stdin:
        print(json.dumps({"rate": rate(json.loads(line), made)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
