"""Our training step compared with other projects', on the same episodes in one run.

Peers are, for QMIX, the authors' code of PPS-QMIX, and EPyMARL with a network per agent (its rnn_ns) and with one for
all (its rnn). For other algorithms they are PyMARL2 or the authors' code, with one network for all. Their code is not
part of this repository: a separate process calls it at a given path (analysis/benchmarks/peer_learner.py). All buffers
hold the same episodes, all learners sample the same ones for each training step, and networks and mixers have the same
shapes, in float32. REFIL and TransfQMix get random entities of the same number and width in place of observations.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from fedqmix.algorithms import find_algorithm
from fedqmix.analysis.benchmarks.episodes import Episodes, EpisodeSource
from fedqmix.analysis.benchmarks.learner import WARM_UP, OurLearner, Progress, against_floor, sgemm_rate
from fedqmix.analysis.benchmarks.peer_process import Peer
from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.server.records.summary import machine, versions

SOURCES = {
    "ppsqmix": "ppsqmix",
    "epymarl_ns": "epymarl",
    "epymarl": "epymarl",
    "pymarl2_qplex": "pymarl2",
    "pymarl2_qtran": "pymarl2",
    "refil": "refil",
    "transf_qmix": "transf_qmix",
}
"""Peer -> the project whose path it needs."""
PEERS = {
    "qmix": ("ppsqmix", "epymarl_ns", "epymarl"),
    "qplex": ("pymarl2_qplex",),
    "qtran": ("pymarl2_qtran",),
    "refil": ("refil",),
    "transf_qmix": ("transf_qmix",),
}
"""Algorithm -> the peers that have it."""
MAPS = ("3m", "2s3z", "10m_vs_11m", "MMM2", "corridor")
STEPS = (40, 60, 80, 90, 150)
"""Environment steps of an episode of each of MAPS."""
PLACES = {
    "ppsqmix": ("ColaZhang22/PPS-QMIX", "pfqmix_smac.py"),
    "epymarl": ("uoe-agents/epymarl", "src/learners"),
    "pymarl2": ("hijkzzz/pymarl2", "src/learners"),
    "refil": ("shariqiqbal2810/REFIL", "src/learners"),
    "transf_qmix": ("mttga/pymarl_transformers", "src/learners"),
}
"""Project -> its GitHub repository, and a file or folder that its path must hold."""


def measure(
    config: Config,
    sources: Sequence[EpisodeSource],
    peers: Sequence[str],
    paths: Mapping[str, str],
    python: str,
    batch: int,
    rounds: int,
    repeats: int,
    tell: Progress = lambda map, who, steps: None,
) -> dict[str, Any]:
    """Measure milliseconds per training step of our learner and of peers.

    In every round each learner takes `repeats` training steps, one learner after the other, so that a change of the
    machine's speed affects all of them.
    config: algorithm, model and runtime settings of all learners. paths: project -> its source. python: the peers'
    interpreter, with PyTorch and NumPy. tell: callback for progress.
    Returns JSON values: medians over all training steps, and each peer's median over the rounds of its ratio to ours.
    Raises ConfigurationError when a peer cannot be started, with its requirements, or does not support the settings.
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
    """Start a peer's process.

    Raises ConfigurationError with its requirements when it cannot be started.
    """
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
    """Return the sizes and settings of a peer's networks, mixer, optimiser and buffer."""
    return {
        **dataclasses.asdict(config.algorithm),
        "map": spec.map,
        "agents": spec.n_agents,
        "actions": spec.n_actions,
        "obs_dim": spec.obs_dim,
        "state_dim": spec.state_dim,
        "batch": batch,
        "hidden": agent_model(config).hidden,
        "threads": config.runtime.threads,
        **_entities(config, spec),
    }


def _entities(config: Config, spec: TeamSpec) -> dict[str, Any]:
    """Return the count and the features of the entities in observations and states, for algorithms that read them."""
    if not find_algorithm(config.algorithm).team.reads_entities:
        return {}
    tables = {"observation": entity_table(spec.observation, "observation"), "state": entity_table(spec.state, "state")}
    return {f"{what}_entities": (table.count, table.features) for what, table in tables.items()}


def _require_alike(config: Config) -> None:
    """Check the settings that peers lack or have fixed.

    Raises ConfigurationError for another value.
    """
    algorithm = config.algorithm
    if algorithm.name not in PEERS:
        raise ConfigurationError(f"algorithm={algorithm.name}: the peers have {', '.join(PEERS)}.")
    wanted = {"algorithm.grad_norm_clip": (algorithm.grad_norm_clip, 10)}
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
    tell: Progress,
) -> dict[str, Any]:
    """Measure all learners on one source's episodes, alternately in every round."""
    episodes = source.draw(2 * batch)
    ours = OurLearner(config, source.spec, batch, episodes)
    parameters = {"ours": ours.parameters, **_send_episodes(episodes, sizes(config, source.spec, batch), peers)}
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
        if number == 0:  # the warm-up round: its training steps allocate
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


def _send_episodes(episodes: Episodes, sizes: Mapping[str, Any], peers: Mapping[str, Peer]) -> dict[str, int]:
    """Send the episodes to every peer; return each peer's number of learned values.

    Raises FedqmixError when a peer's buffer then holds other transitions or rewards.
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
                f"{name}'s buffer holds {answer['transitions']} transitions of total reward {answer['rewards']}; it "
                f"was sent {transitions} of {rewards}. Its version may store episodes in another format."
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
