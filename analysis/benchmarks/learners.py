"""Our training step beside other projects' steps, on the same episodes, measured in turn in one run.

Peers are the authors' code of PPS-QMIX and EPyMARL with a network for every agent (its rnn_ns) and with one for all
(its rnn). None of their code is here: each is called where a given path has it, by a process of its own
(analysis/benchmarks/peer_learner.py). Everybody's buffer holds the same episodes, and every step is taken by all
with the same ones of them; networks and mixer have the same shapes, in float32.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from fedqmix.analysis.benchmarks.episodes import Episodes, EpisodeSource
from fedqmix.analysis.benchmarks.learner import WARM_UP, OurLearner, Tell, against_floor, sgemm_rate
from fedqmix.analysis.benchmarks.peer_process import Peer
from fedqmix.conf.schema import Config
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.server.records.summary import machine, versions

SOURCES = {"ppsqmix": "ppsqmix", "epymarl_ns": "epymarl", "epymarl": "epymarl"}
"""Every peer, and the project whose path it needs."""
PEERS = tuple(SOURCES)
MAPS = ("3m", "2s3z", "10m_vs_11m", "MMM2", "corridor")
STEPS = (40, 60, 80, 90, 150)
"""Environment steps of an episode of each of MAPS."""
PLACES = {"ppsqmix": ("ColaZhang22/PPS-QMIX", "pfqmix_smac.py"), "epymarl": ("uoe-agents/epymarl", "src/learners")}
"""By project: where it is on GitHub, and what its path must hold."""


def measure(
    config: Config,
    sources: Sequence[EpisodeSource],
    peers: Sequence[str],
    paths: Mapping[str, str],
    python: str,
    batch: int,
    rounds: int,
    repeats: int,
    tell: Tell = lambda map, who, steps: None,
) -> dict[str, Any]:
    """Measure milliseconds per training step of ours and of peers.

    In every round each takes `repeats` steps, one learner after the other, so that a change of the machine's speed
    meets all alike.
    config: algorithm, model and runtime settings, for all. paths: by project, its source. python: the interpreter with
    PyTorch and NumPy that runs the peers. Returns what can be printed as JSON: medians over all steps, and of the
    rounds' medians the median of how many times ours each took.
    Raises ConfigurationError when a peer cannot be started, saying what it needs, or cannot learn as the settings say.
    """
    _require_alike(config)
    share_out(config.runtime)
    rate = sgemm_rate(config.runtime.threads)
    opened: dict[str, Peer] = {}
    try:
        for name in peers:
            opened[name] = open_peer(name, paths.get(SOURCES[name]), python)
        figures = {
            source.name: _figures(config, source, opened, batch, rounds, repeats, rate, tell) for source in sources
        }
    finally:
        for peer in opened.values():
            peer.close()
    return {
        "benchmark": "learners",
        "batch": batch,
        "threads": config.runtime.threads,
        "rounds": rounds,
        "repeats": repeats,
        "sgemm_gflops": round(rate / 1e9, 1),
        "train_step": figures,
        "peers": {name: peer.known for name, peer in opened.items()},
        "machine": machine(),
        "versions": versions(),
    }


def open_peer(name: str, path: str | None, python: str) -> Peer:
    """Start a peer's process. Raises ConfigurationError when it cannot be started, saying what it needs."""
    project = SOURCES[name]
    place, held = PLACES[project]
    needs = (
        f"It needs the source of {place} on GitHub, {project}_path=PATH, and an interpreter with PyTorch and NumPy, "
        "peer_python=PYTHON (by default this one)."
    )
    if path is None or not (Path(path) / held).exists():
        raise ConfigurationError(f"There is no {held} at {project}_path={path}. {needs}")
    script = [str(Path(__file__).with_name("peer_learner.py")), name, str(Path(path).resolve())]
    return Peer(name, python, script, needs)


def sizes(config: Config, spec: TeamSpec, batch: int) -> dict[str, Any]:
    """Return what a peer's networks, mixer, optimiser and buffer are built from (read by peer_learner.py)."""
    algorithm = config.algorithm
    return {
        "map": spec.map,
        "agents": spec.n_agents,
        "actions": spec.n_actions,
        "obs_dim": spec.obs_dim,
        "state_dim": spec.state_dim,
        "batch": batch,
        "hidden": config.model.hidden,
        "mixing_embed": algorithm.mixing_embed,
        "hypernetwork_layers": algorithm.hypernetwork_layers,
        "hypernetwork_hidden": algorithm.hypernetwork_hidden,
        "learning_rate": algorithm.learning_rate,
        "gamma": algorithm.gamma,
        "grad_norm_clip": algorithm.grad_norm_clip,
        "double_q": algorithm.double_q,
        "target_update_interval": algorithm.target_update_interval,
        "threads": config.runtime.threads,
    }


def _require_alike(config: Config) -> None:
    """Refuse what the peers do not have, or have built in."""
    algorithm = config.algorithm
    wanted = {"algorithm": (algorithm.name, "qmix"), "algorithm.grad_norm_clip": (algorithm.grad_norm_clip, 10)}
    wanted["algorithm.target_update_rate"] = (algorithm.target_update_rate, 1)
    for setting, (value, needed) in wanted.items():
        if value != needed:
            raise ConfigurationError(f"{setting}={value}: the peers are only compared with {setting}={needed}.")


def _figures(
    config: Config,
    source: EpisodeSource,
    peers: Mapping[str, Peer],
    batch: int,
    rounds: int,
    repeats: int,
    rate: float,
    tell: Tell,
) -> dict[str, Any]:
    """Measure one source's episodes: every learner once a round, in turn."""
    episodes = source.draw(2 * batch)
    ours = OurLearner(config, source.spec, batch, episodes)
    parameters = {"ours": ours.parameters, **_hand_over(episodes, sizes(config, source.spec, batch), peers)}
    del episodes  # every buffer has its own copy
    by_round: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    floors: list[float] = []
    for number in range(1 + rounds):
        slots: list[list[int]] = []
        taken: dict[str, list[float]] = {"ours": []}
        for _ in range(repeats if number else WARM_UP):
            slots.append(ours.slots.tolist())
            floors.append(ours.products() / rate)
            taken["ours"].append(ours.step())
        tell(source.name, "ours", 1)
        for name, peer in peers.items():
            taken[name] = peer.ask(slots=slots)["seconds"]
            tell(source.name, name, 1)
        if number == 0:  # the first ones allocate
            floors.clear()
            continue
        for name, values in taken.items():
            seconds[name] += values
            by_round[name].append(statistics.median(values))
    return {
        "mean_length": ours.mean_length,
        "ours": against_floor(seconds["ours"], floors) | {"parameters": parameters["ours"]},
        **{name: _beside(seconds[name], by_round[name], by_round["ours"], parameters[name]) for name in peers},
        "ms_by_round": {name: [round(1e3 * value, 2) for value in values] for name, values in by_round.items()},
    }


def _hand_over(episodes: Episodes, sizes: Mapping[str, Any], peers: Mapping[str, Peer]) -> dict[str, int]:
    """Give every peer the episodes; return how many numbers each learns.

    Raises FedqmixError when a peer's buffer then holds something else.
    """
    transitions = int(episodes.lengths.sum())
    with tempfile.TemporaryDirectory(prefix="fedqmix-episodes-") as folder:
        file = Path(folder) / "episodes.npz"
        episodes.save(file)
        answers = {name: peer.ask(episodes=str(file), sizes=dict(sizes)) for name, peer in peers.items()}
    within = torch.arange(episodes.team["team_reward"].shape[0])[:, None] < torch.from_numpy(episodes.lengths)
    rewards = float((episodes.team["team_reward"].double() * within).sum())
    for name, answer in answers.items():
        same = answer["transitions"] == transitions and math.isclose(answer["rewards"], rewards, rel_tol=1e-5)
        if not same:
            raise FedqmixError(
                f"{name}'s buffer holds {answer['transitions']} transitions of reward {answer['rewards']} in all; it "
                f"was given {transitions} of {rewards}. Its version may keep episodes otherwise than those known here."
            )
    return {name: int(answer["parameters"]) for name, answer in answers.items()}


def _beside(
    seconds: Sequence[float], rounds: Sequence[float], ours: Sequence[float], parameters: int
) -> dict[str, float]:
    times = [peer / own for peer, own in zip(rounds, ours, strict=True)]
    return {
        "ms": round(1e3 * statistics.median(seconds), 2),
        "times_ours": round(statistics.median(times), 2),
        "parameters": parameters,
    }
