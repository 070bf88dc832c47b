"""A suite's speed compared with the Python package whose rules it has, measured alternately in one run.

The package is a separate process under the interpreter that has it (benchmarks/peer_package.py); while one of both is
measured, the other waits. The unit of comparison is an environment step of the whole team: random actions,
observations and rewards. Ours also writes the state. The package plays one episode at a time, ours a batch.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedqmix.analysis.benchmarks import world
from fedqmix.analysis.benchmarks.peer_process import Peer
from fedqmix.conf.schema import EnvConfig
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records.summary import machine, versions

PACKAGES: Mapping[str, str] = {"lbf": "lbforaging", "rware": "rware"}
"""Suite -> the package with its rules."""
BATCH = 256


def measure(
    maps: Sequence[str], rounds: int, seconds: float, threads: int, python: str, env: EnvConfig
) -> dict[str, Any]:
    """Measure environment steps per second of a suite and of its package, on the tasks that both have.

    Every round measures both once per task, so that a change of the machine's speed affects both; a figure is the
    median of the rounds. seconds: time of each figure and round. threads: of our world; the package has one. python:
    the interpreter with the package. env: the suite's settings.
    Raises ConfigurationError when the package cannot be started, and when it has none of the tasks.
    """
    package = PACKAGES[env.name]
    script = [str(Path(__file__).with_name("peer_package.py")), package]
    needs = f"It needs: pip install {package} gymnasium. Name the interpreter that has both with peer_python=PATH."
    with Peer(package, python, script, needs) as peer:
        shared = [name for name in maps if name in peer.known["maps"]]
        if not shared:
            raise ConfigurationError(f"{package} has none of the maps {', '.join(maps)}.")
        figures = {name: _figures(name, peer, rounds, seconds, threads, env) for name in shared}
        about = {key: value for key, value in peer.known.items() if key != "maps"}
    return {
        "benchmark": "packages",
        "env": env.name,
        "env_steps_per_second": figures,
        "our_batch": BATCH,
        "threads": threads,
        "rounds": rounds,
        "seconds_each": seconds,
        "package": {"name": package, **about},
        "machine": machine(),
        "versions": versions(),
    }


def _figures(name: str, peer: Peer, rounds: int, seconds: float, threads: int, env: EnvConfig) -> dict[str, float]:
    """Measure both on one task, alternately in every round."""
    ours, theirs = [], []
    for number in range(rounds):
        print(f"{name}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        measured = world.measure([name], (BATCH,), threads, seconds, env)
        ours.append(measured["env_steps_per_second"][name][str(BATCH)])
        theirs.append(float(peer.ask(map=name, seconds=seconds)["rate"]))
    own, other = statistics.median(ours), statistics.median(theirs)
    return {"ours": round(own, 1), "package": round(other, 1), "times": round(own / other, 1)}
