"""Environment steps per second of the worlds that this process plays, by task and batch size.

Actions are random available ones. Every environment step produces the whole team's observations, available actions,
rewards and the global state, as in training. Steps count until an episode's end; ended episodes do not count while
others of the batch continue.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.factory import make_world, playable_tasks
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.compile import kernel
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Integers, Purpose, TeamTimeStep, World

BATCHES = (1, 32, 256)


class NoSink:
    """A step observer that discards the team's time steps."""

    def begin(self, battles: EpisodeBatch, time_step: TeamTimeStep) -> None:
        """Discard the first time step of a batch."""

    def record(self, time_step: TeamTimeStep) -> None:
        """Discard a time step."""


def measure(
    maps: Sequence[str] | None = None,
    batches: Sequence[int] = BATCHES,
    threads: int | None = None,
    seconds: float = 3.0,
    env: EnvConfig | None = None,
) -> dict[str, Any]:
    """Measure environment steps per second for every map and batch size.

    maps: tasks, default all of the suite. batches: numbers of parallel episodes. threads: default one per processor.
    seconds: time of each figure. env: a suite's settings, default env=skirmish's.
    Returns JSON values: first_step_seconds (from loading or compiling the kernels to the first environment step), the
    figures under "env_steps_per_second"[map][batch], the machine, the versions, the command.
    Raises ConfigurationError for an unknown map.
    """
    env = env if env is not None else skirmish_options()
    maps = list(maps) if maps is not None else playable_tasks(env)
    threads = threads if threads is not None else os.cpu_count() or 1
    first_step_seconds = _first_step(maps[0], env)
    figures = {
        name: {str(batch): round(_rate(name, env, batch, threads, seconds)) for batch in batches} for name in maps
    }
    return {
        "benchmark": "world",
        "env": env.name,
        "first_step_seconds": round(first_step_seconds, 2),
        "env_steps_per_second": figures,
        "threads": threads,
        "seconds_each": seconds,
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
        "command": " ".join(sys.argv),
    }


def _first_step(name: str, env: EnvConfig) -> float:
    begun = time.perf_counter()
    world = make_world(name, 0, env, NoSink(), 1)
    time_step = world.begin(EpisodeBatch(Purpose.TRAINING, 0, 1))
    world.step(time_step.available_actions.argmax(-1))
    world.close()
    return time.perf_counter() - begun


def _rate(name: str, env: EnvConfig, batch: int, threads: int, seconds: float) -> float:
    """Return environment steps per second of whole batches, after one batch of warm-up."""
    world = make_world(name, 0, env, NoSink(), threads)
    actions = np.zeros((world.spec.n_agents, batch), dtype=np.int64)
    random = np.arange(1, batch + 1, dtype=np.uint64)
    _play(world, actions, random, 0)
    steps, played, begun = 0, 1, time.perf_counter()
    elapsed = 0.0
    while elapsed < seconds:
        steps += _play(world, actions, random, played * batch)
        played += 1
        elapsed = time.perf_counter() - begun
    world.close()
    return steps / elapsed


def _play(world: World, actions: Integers, random: NDArray[np.uint64], first: int) -> int:
    """Run a batch of episodes; return its environment steps without those after an episode's end."""
    time_step = world.begin(EpisodeBatch(Purpose.TRAINING, first, actions.shape[1]))
    steps = 0
    while (running := actions.shape[1] - int(np.count_nonzero(time_step.terminated | time_step.truncated))) > 0:
        _choose(time_step.available_actions, time_step.terminated | time_step.truncated, random, actions)
        time_step = world.step(actions)
        steps += running
    return steps


@kernel
def _choose(available: Bools, over: Bools, random: NDArray[np.uint64], actions: Integers) -> None:
    """Fill actions [agents, episodes] with random available ones, the no-op in ended episodes.

    available: [agents, episodes, actions]. over: [episodes]. random: [episodes], xorshift states, advanced in place.
    """
    for b in range(actions.shape[1]):
        for agent in range(actions.shape[0]):
            if over[b]:
                actions[agent, b] = 0
                continue
            state = random[b]
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            random[b] = state
            count = 0
            for action in range(available.shape[2]):
                count += available[agent, b, action]
            pick = np.int64((state >> np.uint64(33)) % np.uint64(count))
            for action in range(available.shape[2]):
                if available[agent, b, action]:
                    if pick == 0:
                        actions[agent, b] = action
                        break
                    pick -= 1


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
