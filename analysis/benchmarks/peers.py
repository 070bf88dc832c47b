"""The embedded world's speed compared with other worlds', measured alternately in one run.

Each peer is a separate process under the interpreter with its packages (benchmarks/peer_*.py); while one world is
measured, the others wait. The unit of comparison is an environment step of the whole team: random available actions,
observations, state, reward and the next available actions. The rules differ: SMAX has no terrain, shields or healing.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedqmix.analysis.benchmarks import world
from fedqmix.analysis.benchmarks.peer_process import Peer
from fedqmix.envs.factory import team_spec
from fedqmix.envs.options import skirmish_options
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.server.records.summary import machine, versions

PEERS = ("smax", "smaclite")
OUR_BATCH = 256
SMAX_BATCHES = (1, 16, 64, 256, 1024)
NEEDS = {
    "smax": "pip install jaxmarl (or: pip install jax flax chex safetensors matplotlib pillow jaxtyping gymnax, then "
    "pip install --no-deps jaxmarl)",
    "smaclite": "pip install numpy gymnasium pygame-ce scikit-learn Rtree, and the source of uoe-agents/smaclite on "
    "GitHub: smaclite_path=PATH",
}


def measure(
    peers: Sequence[str],
    maps: Sequence[str],
    rounds: int,
    seconds: float,
    threads: int,
    python: str,
    smaclite_path: str | None,
) -> dict[str, Any]:
    """Measure environment steps per second of our world and of peers, on their common maps.

    Every round measures each world once per map, so that a change of the machine's speed affects all of them; a figure
    is the median of the rounds. SMAX's batch is the fastest of SMAX_BATCHES: the two fastest of one try before the
    rounds are measured in every round.
    seconds: time of each figure and round. threads: of our world (SMAX chooses its own, SMAClite has one). python: the
    interpreter with the peers' packages. smaclite_path: SMAClite's source; None if it is not measured.
    Raises ConfigurationError when a peer cannot be started, with its requirements, and when no map is shared.
    """
    opened: dict[str, OtherWorld] = {}
    try:
        for name in peers:
            opened[name] = OtherWorld(name, python, smaclite_path)
        shared = [map for map in maps if any(map in peer.maps for peer in opened.values())]
        if not shared:
            raise ConfigurationError(f"None of the peers has any of the maps {', '.join(maps)}.")
        figures = {map: _figures(map, opened, rounds, seconds, threads) for map in shared}
    finally:
        for peer in opened.values():
            peer.close()
    return {
        "benchmark": "peers",
        "env_steps_per_second": figures,
        "our_batch": OUR_BATCH,
        "threads": threads,
        "rounds": rounds,
        "seconds_each": seconds,
        "peers": {name: peer.about for name, peer in opened.items()},
        "machine": machine(),
        "versions": versions(),
    }


class OtherWorld(Peer):
    """Another world in a separate process. maps: its maps; about: its versions."""

    def __init__(self, name: str, python: str, smaclite_path: str | None = None) -> None:
        """Start the process and read its maps. Raises ConfigurationError when it cannot be started."""
        needs = f"It needs: {NEEDS[name]}. Name the interpreter that has these packages with peer_python=PATH."
        script = [str(Path(__file__).with_name(f"peer_{name}.py"))]
        if name == "smaclite":
            if smaclite_path is None or not (Path(smaclite_path) / "smaclite").is_dir():
                raise ConfigurationError(f"There is no SMAClite at smaclite_path={smaclite_path}. {needs}")
            script.append(str(Path(smaclite_path).resolve()))
        super().__init__(name, python, script, needs)
        self.maps: list[str] = self.known["maps"]
        self.about = {key: value for key, value in self.known.items() if key != "maps"}

    def rate(self, **question: Any) -> float:
        """Measure environment steps per second.

        Raises FedqmixError when the peer ends before it answers.
        """
        return float(self.ask(**question)["rate"])


def _figures(map: str, peers: Mapping[str, OtherWorld], rounds: int, seconds: float, threads: int) -> dict[str, Any]:
    """Measure all worlds on one map, alternately in every round."""
    here = {name: peer for name, peer in peers.items() if map in peer.maps}
    smaclite = {"map": map, "seconds": seconds, "episode_limit": team_spec(map, skirmish_options()).episode_limit}
    batches = _fast_batches(here["smax"], map, seconds) if "smax" in here else []
    rates: dict[str, list[float]] = defaultdict(list)
    by_batch: dict[int, list[float]] = defaultdict(list)
    for number in range(rounds):
        print(f"{map}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        ours = world.measure([map], (OUR_BATCH,), threads, seconds)
        rates["ours"].append(ours["env_steps_per_second"][map][str(OUR_BATCH)])
        for batch in batches:
            by_batch[batch].append(here["smax"].rate(map=map, seconds=seconds, batch=batch))
        if "smaclite" in here:
            rates["smaclite"].append(here["smaclite"].rate(**smaclite))
    figures: dict[str, Any] = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    if batches:
        medians = {batch: statistics.median(values) for batch, values in by_batch.items()}
        figures["smax_batch"] = max(medians, key=lambda batch: medians[batch])
        figures["smax"] = round(medians[figures["smax_batch"]], 1)
    return {**figures, **{f"times_{name}": round(figures["ours"] / figures[name], 1) for name in here}}


def _fast_batches(smax: OtherWorld, map: str, seconds: float) -> list[int]:
    """Return the two fastest batch sizes of one try; the rounds decide between them."""
    rates = {batch: smax.rate(map=map, seconds=seconds, batch=batch) for batch in SMAX_BATCHES}
    return sorted(rates, key=lambda batch: -rates[batch])[:2]
