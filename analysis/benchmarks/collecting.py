"""Environment steps per second of the collection loop: world, acting networks, storage.

Networks are freshly initialised, and half of all actions are exploratory. The time includes the random draws before
episodes begin and the writing to the buffers after they end.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from fedqmix.clients.rounds import collect
from fedqmix.conf.schema import Config
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.server.records.summary import machine, versions

BATTLES = (8, 32)
EPSILON = 0.5


def measure(config: Config, maps: Sequence[str], batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """Measure every map with every number of parallel episodes.

    config: algorithm, model and runtime settings. batches: numbers of parallel episodes. seconds: minimum time of each
    figure. Returns JSON values; every figure is the median over batches of episodes.
    """
    share_out(config.runtime)
    figures = {name: {str(batch): _rate(config, name, batch, seconds) for batch in batches} for name in maps}
    return {
        "benchmark": "collecting",
        "env_steps_per_second": figures,
        "threads": config.runtime.threads,
        "world_threads": config.runtime.world_threads,
        "seconds_each": seconds,
        "machine": machine(),
        "versions": versions(),
    }


def _rate(config: Config, name: str, battles: int, seconds: float) -> int:
    config.map = name
    config.algorithm.parallel_episodes = battles
    config.algorithm.epsilon_start = config.algorithm.epsilon_finish = EPSILON
    team = LocalTeam(config)
    rates: list[float] = []
    try:
        collect(team.agents, team.world)  # the first one allocates
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(rates) < 3:
            start, before = time.perf_counter(), team.agents.env_steps
            collect(team.agents, team.world)
            rates.append((team.agents.env_steps - before) / (time.perf_counter() - start))
    finally:
        team.close()
    return round(statistics.median(rates))
