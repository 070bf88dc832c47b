"""The memory that runs need, compared with free memory before anything starts.

Buffers grow while they fill: the system allocates their pages when episodes are first written. So there are two needs:
programs and networks, without which nothing begins, and full buffers. Episodes may be short, so only the first need
refuses a run. On a GPU a buffer is allocated whole at the beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from fedqmix.algorithms import find_algorithm, make_team_half
from fedqmix.clients.buffer import private_ring
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.agent_model import agent_model
from fedqmix.runtime.configuration.runs import CONFIG
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes
from fedqmix.runtime.runs.lifecycle.memory_free import free_memory
from fedqmix.runtime.runs.lifecycle.sides import choose_device
from fedqmix.runtime.storage.ring import EpisodeRing
from fedqmix.server.team_records import TeamRecords

MIB, GIB = 2**20, 2**30
RUN = 350 * MIB
"""Memory of a program that trains in one process: Python, PyTorch, kernels.

docs/runs.md describes how RUN, PARTIES and AGENT were measured.
"""
PARTIES = 1690 * MIB
"""Memory of world, mixer, SuperLink, ServerApp, `fedqmix up`, and their shared libraries."""
AGENT = 470 * MIB
"""Memory of an agent and its SuperNode."""
COPIES = 5
"""Copies of each parameter: online, target, gradient, and Adam's two moments."""
HIDDEN_ROWS = 9
"""Rows of a training step for each moment of an agent, each as wide as the hidden state."""


@dataclass(frozen=True)
class Need:
    """The memory of one run in bytes, all its processes together.

    fixed: programs and networks, without which nothing begins. step: temporary memory of a training step, with episodes
    of full length. episode: one episode of full length in all buffers. batch: episodes held before the first training
    step. buffer: episodes held in the end. gpu: whether buffers lie in a GPU's memory.
    """

    fixed: int
    step: int
    episode: int
    batch: int
    buffer: int
    gpu: bool

    @property
    def full(self) -> int:
        """Bytes of the machine's memory with buffers full of episodes of full length."""
        return self.fixed + (0 if self.gpu else self.step + self.buffer * self.episode)


def of_run(config: Config) -> Need:
    """Return the need of a run in one process.

    Raises ConfigurationError when its device is missing.
    """
    return _need(config, RUN)


def of_federation(config: Config) -> Need:
    """Return the need of a run of `fedqmix up`, all processes together. Raises as `of_run` does."""
    return _need(config, PARTIES + team_spec(config.map, config.env).n_agents * AGENT)


def require_memory(needs: Sequence[Need], what: str, advice: str, *, resumed: bool = False) -> str | None:
    """Check that runs can begin side by side; return a warning unless full buffers fit too.

    what: a name for all runs together ("3 seeds side by side"). advice: a sentence with a remedy. resumed: whether the
    size of their buffers is fixed. Raises ConfigurationError when the runs cannot begin.
    """
    free, begin, full = free_memory(), sum(need.fixed for need in needs), sum(need.full for need in needs)
    if begin > free_memory(swap=True):
        raise ConfigurationError(
            f"{what} would take {_gib(begin)} of memory before the first episode, and {_gib(free)} are free. {advice}"
        )
    _require_gpu(needs, what)
    if full <= free:
        return None
    warning = f"warning: {what} would take {_gib(full)} of memory with buffers full of episodes of full length"
    warning += f" ({_gib(begin)} at the beginning); {_gib(free)} are free."
    if resumed:
        return f"{warning} The size of the buffers is settled; free some memory before they have grown."
    growing = sum(need.episode for need in needs if not need.gpu)
    largest = (free - sum(need.full - need.buffer * need.episode for need in needs if not need.gpu)) // growing
    if largest < max(need.batch for need in needs):
        return f"{warning} No algorithm.buffer_size is sure to fit. {advice}"
    return f"{warning} The largest that is sure to fit is algorithm.buffer_size={largest}."


def settled(run: Path) -> str:
    """Return the advice for a resumed run, whose settings are fixed. run: the run folder."""
    return f"Free some memory; {run / CONFIG} has the settings that ask for so much, and may be damaged."


def _require_gpu(needs: Sequence[Need], what: str) -> None:
    """Check that the whole buffers fit into the GPU's memory. Raises ConfigurationError."""
    there = [need for need in needs if need.gpu]
    if not there:
        return
    episode, full = sum(need.episode for need in there), sum(need.buffer * need.episode for need in there)
    free, _ = torch.cuda.mem_get_info()
    if full > free:
        raise ConfigurationError(
            f"the buffers of {what} would take {_gib(full)} of the GPU's memory, and {_gib(free)} are free. The "
            f"largest that fits is algorithm.buffer_size={free // episode}; or choose runtime.device=cpu."
        )


def _need(config: Config, programs: int) -> Need:
    spec, learning = team_spec(config.map, config.env), config.algorithm
    gpu = choose_device(config.runtime.device).type != "cpu"
    batch = min(learning.buffer_size, max(learning.batch_size, learning.parallel_episodes))
    networks = COPIES * torch.float32.itemsize * _parameters(config, spec)
    moments = learning.batch_size * (spec.episode_limit + 1) * spec.n_agents
    step = HIDDEN_ROWS * torch.float32.itemsize * moments * agent_model(config).hidden
    return Need(programs + networks, step, _episode(config, spec), batch, learning.buffer_size, gpu)


def _parameters(config: Config, spec: TeamSpec) -> int:
    """Return how many parameters all agents and the mixer have together."""
    one = sum(math.prod(shape) for shape in agent_shapes(config, spec).values())
    with torch.device("meta"):  # counted, and not made
        half = make_team_half(find_algorithm(config.algorithm), config.algorithm, spec, config.seed)
    return spec.n_agents * one + sum(value.numel() for value in half.parameters())


def _episode(config: Config, spec: TeamSpec) -> int:
    """Return the bytes of one episode of full length, in the agents' buffers and in the team's."""
    cpu, recorded = torch.device("cpu"), find_algorithm(config.algorithm).recorded
    rings = private_ring(spec.n_agents, 1, spec, cpu, recorded), TeamRecords(spec, 1, cpu).ring
    return sum(EpisodeRing.nbytes_full(1, spec.episode_limit, ring.fields) for ring in rings)


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
