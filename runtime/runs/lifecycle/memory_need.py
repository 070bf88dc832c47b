"""How much memory runs will take, compared with what is free before anything starts.

Buffers grow while they fill: their pages are taken when episodes are first written to them. So there are two needs: the
one without which nothing begins (programs and networks), and that of full buffers. Episodes may be short, so a run is
refused for the first alone. On a GPU a buffer is taken as a whole at the beginning.
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
"""What a program that trains in one process takes for itself: Python, PyTorch, kernels. docs/runs.md says how all of
these were measured."""
PARTIES = 1690 * MIB
"""World, mixer, SuperLink, ServerApp, `fedqmix up` itself, and the libraries that all programs share."""
AGENT = 470 * MIB
"""An agent and its SuperNode."""
COPIES = 5
"""Of each parameter: online, target, gradient, and Adam's two moments."""
HIDDEN_ROWS = 9
"""What a training step keeps for each moment of an agent, in rows as wide as its hidden state."""


@dataclass(frozen=True)
class Need:
    """What one run takes, in bytes, all its processes together.

    fixed: programs and networks, without which nothing begins. step: what a training step takes meanwhile, with
    episodes of full length. episode: one of full length in all buffers. batch: episodes that must be held before
    anything is learned. buffer: episodes that are held in the end. gpu: whether buffers lie in a GPU's memory.
    """

    fixed: int
    step: int
    episode: int
    batch: int
    buffer: int
    gpu: bool

    @property
    def full(self) -> int:
        """Bytes of the machine's memory once the buffers are full of episodes of full length."""
        return self.fixed + (0 if self.gpu else self.step + self.buffer * self.episode)


def of_run(config: Config) -> Need:
    """Return what a run in one process takes. Raises ConfigurationError when its device is missing."""
    return _need(config, RUN)


def of_federation(config: Config) -> Need:
    """Return what a run of `fedqmix up` takes, all its processes together. Raises as `of_run` does."""
    return _need(config, PARTIES + team_spec(config.map, config.env).n_agents * AGENT)


def require_memory(needs: Sequence[Need], what: str, advice: str, *, resumed: bool = False) -> str | None:
    """Check that runs which go on at the same time fit into memory; return a warning when they only begin to fit.

    what: what they are together ("3 seeds side by side"). advice: what else can be done, a sentence. resumed: whether
    the size of their buffers is settled. Raises ConfigurationError when they cannot even begin.
    """
    free, begin, full = free_memory(), sum(need.fixed for need in needs), sum(need.full for need in needs)
    if begin > free_memory(swap=True):
        raise ConfigurationError(
            f"{what} would take {_gib(begin)} of memory before the first battle, and {_gib(free)} are free. {advice}"
        )
    _require_gpu(needs, what)
    if full <= free:
        return None
    said = f"warning: {what} would take {_gib(full)} of memory with buffers full of episodes of full length"
    said += f" ({_gib(begin)} at the beginning); {_gib(free)} are free."
    if resumed:
        return f"{said} The size of the buffers is settled; free some memory before they have grown."
    growing = sum(need.episode for need in needs if not need.gpu)
    largest = (free - sum(need.full - need.buffer * need.episode for need in needs if not need.gpu)) // growing
    if largest < max(need.batch for need in needs):
        return f"{said} No algorithm.buffer_size is sure to fit. {advice}"
    return f"{said} The largest that is sure to fit is algorithm.buffer_size={largest}."


def settled(run: Path) -> str:
    """Return what can be done about the need of a run that goes on, whose settings cannot be chosen any more."""
    return f"Free some memory; the settings that ask for so much are those of {run / CONFIG}, which may be damaged."


def _require_gpu(needs: Sequence[Need], what: str) -> None:
    """Check that the buffers fit into the GPU's memory, which holds them whole. Raises ConfigurationError."""
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
    step = HIDDEN_ROWS * torch.float32.itemsize * moments * config.model.hidden
    return Need(programs + networks, step, _episode(spec), batch, learning.buffer_size, gpu)


def _parameters(config: Config, spec: TeamSpec) -> int:
    """Return how many parameters all agents and the mixer have together."""
    one = sum(math.prod(shape) for shape in agent_shapes(config, spec).values())
    with torch.device("meta"):  # counted, and not made
        half = make_team_half(find_algorithm(config.algorithm), config.algorithm, spec, config.seed)
    return spec.n_agents * one + sum(value.numel() for value in half.parameters())


def _episode(spec: TeamSpec) -> int:
    """Return the bytes of one episode of full length, in the agents' buffers and in the team's."""
    cpu = torch.device("cpu")
    rings = private_ring(spec.n_agents, 1, spec, cpu), TeamRecords(spec, 1, cpu).ring
    return sum(EpisodeRing.nbytes_full(1, spec.episode_limit, ring.fields) for ring in rings)


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
