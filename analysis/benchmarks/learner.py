"""The time of a training step by map and batch size, against its matrix products alone.

A training step samples the episodes, computes both networks' Q-values over whole episodes, mixes, runs both backward
passes, clips, and takes the Adam step. The floor is the time of its matrix products at this machine's rate for large
matrices. They are counted by formula where kernels compute the agents, and else by PyTorch, during one training step.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from fedqmix.analysis.benchmarks.episodes import Episodes, EpisodeSource
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.learning import train_step
from fedqmix.conf.schema import Config
from fedqmix.networks import Shapes
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import Integers, TeamSpec
from fedqmix.runtime.kernels.thread_pool import ThreadPool
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.seeds.run_batcher import RunBatcher, RunHandle
from fedqmix.server.records.summary import machine, versions
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords

BATCHES = (32, 96)
MAPS = ("3m", "8m", "5m_vs_6m", "10m_vs_11m", "27m_vs_30m")
CPU = torch.device("cpu")
WARM_UP = 3
"""Training steps before the timed ones: the first ones allocate."""

Progress = Callable[[str, str, int], None]
"""Callback with the map, the learner's name, and the number of training steps since the last call."""


def measure(
    config: Config,
    sources: Sequence[EpisodeSource],
    batches: Sequence[int],
    repeats: int,
    seeds: int = 1,
    tell: Progress = lambda map, who, steps: None,
) -> dict[str, Any]:
    """Measure milliseconds per training step for every source of episodes and batch size.

    config: algorithm, model and runtime settings. repeats: timed training steps per figure. seeds: number of batched
    runs, as in `fedqmix train seeds=[...]` on a GPU. tell: callback for progress.
    Returns JSON values: medians of the time that all seeds take together.
    """
    share_out(config.runtime)
    device = choose_device(config.runtime.device)
    rate = sgemm_rate(config.runtime.threads, device)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for source in sources:
        figures[source.name] = {}
        for batch in batches:
            batcher = RunBatcher(seeds)
            ours = {
                run: OurLearner(config, source.spec, batch, source.draw(2 * batch), device, run)
                for run in map(batcher.seat, range(seeds))
            }
            figures[source.name][str(batch)] = _figure(ours, repeats, rate)
            tell(source.name, f"batch {batch}", repeats)
    return {
        "benchmark": "learner",
        "algorithm": config.algorithm.name,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "seeds": seeds,
        "threads": config.runtime.threads,
        "sgemm_gflops": round(rate / 1e9, 1),
        "train_step": figures,
        "machine": machine(),
        "versions": versions(),
    }


class OurLearner:
    """A team's agents and mixer with buffers that hold given episodes, in slots 0, 1, ..."""

    def __init__(
        self,
        config: Config,
        spec: TeamSpec,
        batch: int,
        episodes: Episodes,
        device: torch.device = CPU,
        batched_runs: BatchedRuns = SINGLE_RUN,
    ) -> None:
        """Build the learner.

        batch: episodes of a training step. episodes: at least as many. batched_runs: the learner's run among several.
        """
        stored = len(episodes.lengths)
        settings = dataclasses.replace(config.algorithm, batch_size=batch, buffer_size=stored)
        self.spec = spec
        self.mean_length = round(float(episodes.lengths.mean()), 1)
        """Mean environment steps of an episode."""
        self._records = TeamRecords(spec, stored, device)
        self._learner = TeamLearner(
            spec, settings, self._records, config.seed, device, batched_runs, config.runtime.backend
        )
        ours = range(spec.n_agents), spec, agent_model(config), settings
        self._agents = AgentStack(*ours, config.seed, device, batched_runs, config.runtime.backend)
        episodes.fill(self._agents, self._records)
        self._per_moment: float | None = None

    @property
    def slots(self) -> Integers:
        """Slots of the next training step's episodes: [batch] int64, longest first."""
        return self._learner.slots

    @property
    def parameters(self) -> int:
        """How many numbers are learned: all agents' and the mixer's."""
        mixer = sum(parameter.numel() for parameter in self._learner.half.parameters())
        return mixer + sum(parameter.numel() for parameter in self._agents.online.values())

    def step(self) -> float:
        """Take one training step; return its seconds."""
        start = time.perf_counter()
        train_step(self._agents, self._learner)
        _finish(self._agents.device)
        return time.perf_counter() - start

    def products(self) -> float:
        """Count the floating-point operations of the next training step's matrix products.

        Where PyTorch computes the agents, the first call takes a training step of its own, in which they are counted.
        """
        lengths = self._records.ring.lengths(self.slots)
        if self._agents.learns_by_kernels:
            return products(self.spec, self._learner, self._agents.networks.shapes(), lengths)
        if self._per_moment is None:
            self._per_moment = self._counted() / timeline(lengths).moments
            lengths = self._records.ring.lengths(self.slots)
        return self._per_moment * timeline(lengths).moments

    def _counted(self) -> float:
        """Take one training step in this thread; return the floating-point operations of its matrix products."""
        own, self._agents.thread_pool = self._agents.thread_pool, ThreadPool(1)
        try:
            with FlopCounterMode(display=False) as counter:
                train_step(self._agents, self._learner)
        finally:
            self._agents.thread_pool = own
        return float(counter.get_total_flops())


def sgemm_rate(threads: int, device: torch.device = CPU, size: int = 1024, repeats: int = 15) -> float:
    """Return the median FLOP/s of torch's float32 products of [size, size] matrices."""
    own = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.rand(size, size, device=device), torch.rand(size, size, device=device)
    seconds = []
    for _ in range(repeats):
        _finish(device)
        start = time.perf_counter()
        a @ b
        _finish(device)
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(own)
    return 2 * size**3 / statistics.median(seconds)


def _finish(device: torch.device) -> None:
    """Wait until a GPU has finished its queued kernels."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def products(spec: TeamSpec, learner: TeamLearner, agent: Shapes, lengths: np.ndarray) -> float:
    """Count the floating-point operations of a training step's matrix products: the GRU with Q-learning.

    agent: the shapes of one agent's parameters. Forward of the online and target networks, and the online backward:
    one product for the weights and one for the inputs of every layer but the first.
    """
    order = timeline(lengths)
    shapes = {name: shape for name, shape in agent.items() if len(shape) == 2}
    per_moment = sum(4 * rows * columns for rows, columns in shapes.values()) - np.prod(shapes["fc.weight"])
    layers = [p.shape for p in learner.half.parameters() if p.dim() == 2]
    first = sum(int(np.prod(shape)) for shape in layers if shape[1] == spec.state_dim)
    per_transition = sum(4 * int(np.prod(shape)) for shape in layers) - first
    return 2.0 * (spec.n_agents * order.moments * float(per_moment) + order.transitions * per_transition)


def _figure(ours: Mapping[RunHandle, OurLearner], repeats: int, rate: float) -> dict[str, float]:
    """Time all seeds, one thread each.

    The first seed's times stand for all, because batched runs are synchronous.
    """

    def steps(run: RunHandle) -> tuple[list[float], list[float]]:
        try:
            return _steps(ours[run], repeats, rate)
        finally:
            run.leave()

    with ThreadPoolExecutor(len(ours)) as pool:
        timed = list(pool.map(steps, ours))
    seconds = timed[0][0]
    floors = [sum(each) for each in zip(*(floors for _, floors in timed), strict=True)]
    return {"mean_length": next(iter(ours.values())).mean_length, **against_floor(seconds, floors)}


def _steps(ours: OurLearner, repeats: int, rate: float) -> tuple[list[float], list[float]]:
    """Return the seconds of each training step, and of its matrix products at the given rate."""
    seconds, floors = [], []
    for number in range(WARM_UP + repeats):
        floor = ours.products() / rate
        taken = ours.step()
        if number >= WARM_UP:
            seconds.append(taken)
            floors.append(floor)
    return seconds, floors


def against_floor(seconds: Sequence[float], floors: Sequence[float]) -> dict[str, float]:
    """Return the medians of training steps and floors in milliseconds, and their ratio."""
    ms, floor = 1e3 * statistics.median(seconds), 1e3 * statistics.median(floors)
    return {"ms": round(ms, 2), "floor_ms": round(floor, 2), "times_floor": round(ms / floor, 2)}
