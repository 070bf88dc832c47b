"""How long a training step takes, by map shape and batch, beside what its matrix products alone would take.

A training step is everything between two actions of learning: drawing the episodes, both networks' Q-values over
whole episodes, mixing, both backward passes, clipping, Adam. The floor is the time of its matrix products (online
forward and backward, target forward; agents and mixer) at the rate this machine multiplies large matrices.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from clients.agents import AgentStack
from clients.learning import train_step
from clients.network import parameter_shapes
from conf.schema import Config
from contracts.timeline import timeline
from contracts.world import TeamSpec
from envs import team_spec
from server.records.summary import machine, versions
from server.team_learner import TeamLearner
from server.team_records import TeamRecords

BATCHES = (32, 96)
MAPS = ("3m", "8m", "5m_vs_6m", "10m_vs_11m", "27m_vs_30m")


def measure(config: Config, maps: Sequence[str], batches: Sequence[int], lengths: str, repeats: int) -> dict[str, Any]:
    """Measure milliseconds per training step for every map and batch size.

    config: algorithm, model and runtime settings. lengths: "full" (every episode as long as the map allows, all work)
    or "mixed" (uniform between a third of the limit and the limit, as in training). repeats: steps timed per figure.
    Returns what can be printed as JSON; medians.
    """
    torch.set_num_threads(config.runtime.threads)
    rate = sgemm_rate()
    figures = {}
    for name in maps:
        spec = team_spec(name, config.env)
        figures[name] = {str(batch): _figure(config, spec, batch, lengths, repeats, rate) for batch in batches}
    return {
        "benchmark": "learner",
        "algorithm": config.algorithm.name,
        "lengths": lengths,
        "threads": config.runtime.threads,
        "sgemm_gflops": round(rate / 1e9, 1),
        "train_step": figures,
        "machine": machine(),
        "versions": versions(),
    }


def sgemm_rate(size: int = 1024, repeats: int = 15) -> float:
    """Return floating-point operations a second of square float32 matrix products, median."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds)


def products(spec: TeamSpec, learner: TeamLearner, hidden: int, lengths: np.ndarray) -> float:
    """Count the floating-point operations of a training step's matrix products.

    Forward of the online and target networks, and the online backward: one product for the weights and one for the
    inputs of every layer but the first.
    """
    order = timeline(lengths)
    shapes = {name: shape for name, shape in parameter_shapes(spec, hidden).items() if len(shape) == 2}
    per_moment = sum(4 * rows * columns for rows, columns in shapes.values()) - np.prod(shapes["fc.weight"])
    layers = [p.shape for p in learner.mixer.parameters() if p.dim() == 2]
    first = sum(int(np.prod(shape)) for shape in layers if shape[1] == spec.state_dim)
    per_transition = sum(4 * int(np.prod(shape)) for shape in layers) - first
    return 2.0 * (spec.n_agents * order.moments * float(per_moment) + order.transitions * per_transition)


def _figure(config: Config, spec: TeamSpec, batch: int, lengths: str, repeats: int, rate: float) -> dict[str, float]:
    settings = config.algorithm
    settings.batch_size, settings.buffer_size = batch, 2 * batch
    device = torch.device("cpu")
    records = TeamRecords(spec, 2 * batch, device)
    learner = TeamLearner(spec, settings, records, config.seed, device)
    agents = AgentStack(range(spec.n_agents), spec, config.model, settings, config.seed, device)
    _fill(agents, records, lengths, 2 * batch)
    seconds, floors = [], []
    for step in range(repeats + 3):
        drawn = records.ring.lengths(learner.slots)
        start = time.perf_counter()
        train_step(agents, learner)
        if step >= 3:  # the first ones allocate
            seconds.append(time.perf_counter() - start)
            floors.append(products(spec, learner, config.model.hidden, drawn) / rate)
    ms, floor = 1e3 * statistics.median(seconds), 1e3 * statistics.median(floors)
    return {"ms": round(ms, 2), "floor_ms": round(floor, 2), "times_floor": round(ms / floor, 2)}


def _fill(agents: AgentStack, records: TeamRecords, lengths: str, episodes: int) -> None:
    """Fill the buffers with random episodes of the map's shape."""
    spec = agents.spec
    random = np.random.default_rng(0)
    limit, n = spec.episode_limit, spec.n_agents
    drawn = np.full(episodes, limit) if lengths == "full" else random.integers(limit // 3, limit + 1, episodes)

    def floats(*shape: int) -> torch.Tensor:
        return torch.from_numpy(random.random(shape, dtype=np.float32))

    private = {
        "observations": floats(n, limit + 1, episodes, spec.obs_dim),
        "available_actions": torch.ones(n, limit + 1, episodes, spec.n_actions, dtype=torch.bool),
        "actions": torch.from_numpy(random.integers(0, spec.n_actions, (n, limit + 1, episodes))),
    }
    team = {
        "state": floats(limit + 1, episodes, spec.state_dim),
        "team_reward": floats(limit + 1, episodes),
        "terminated": torch.zeros(limit + 1, episodes, dtype=torch.bool),
    }
    agents.ring.add(private, drawn)
    records.ring.add(team, drawn)
