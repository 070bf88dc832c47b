"""Environment steps a second of SMAClite, for analysis.benchmarks.peers; runs under the peers' Python with
SMAClite's source.

One battle after another: random legal actions, observations, state, reward and legal actions at every step. Needs
gymnasium, scikit-learn and Rtree; nothing of this project is imported.
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
    """List SMAClite's maps."""
    from smaclite.env.maps.map import MapPreset

    return [preset.value.name for preset in MapPreset]


def rate(question: Question, made: dict[str, Any]) -> float:
    """Return environment steps a second; battles that end, or reach the map's limit, begin anew."""
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
    """Answer questions, one JSON object a line: first which maps there are, then a rate for each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print while they are imported is no answer
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
