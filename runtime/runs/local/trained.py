"""A trained team that only plays: its parameters from a checkpoint, and greedy episodes by training's evaluation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.rounds import evaluate
from fedqmix.conf.schema import ON_POLICY, Config
from fedqmix.runtime.core.world import Purpose, TeamSpec, World
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes, require_played
from fedqmix.runtime.runs.lifecycle.saved_networks import networks
from fedqmix.runtime.storage.checkpoint import Checkpoint
from fedqmix.server.team_records import EpisodeResults, TeamRecords

SIDE_BY_SIDE = 32
"""Episodes that are played in parallel; results do not depend on it, memory does."""
FIRST_EPISODE = 1_000_000_000
"""Number of the first episode; training's evaluations count from 0 and stay below."""


def to_play(config: Config) -> Config:
    """Return a run's settings for a team that only plays.

    Nothing is stored or mixed, and the network that acts is the same with any algorithm of Q-learning. Results are
    those of a CPU.
    """
    most = os.cpu_count() or 1
    threads, world_threads = min(config.runtime.threads, most), min(config.runtime.world_threads, most)
    acting = config.algorithm.name if config.algorithm.name in ON_POLICY else "iql"
    return replace(
        config,
        algorithm=replace(config.algorithm, name=acting, buffer_size=1),
        runtime=replace(config.runtime, device="cpu", threads=threads, world_threads=world_threads),
    )


def parameters_to_play(checkpoint: Checkpoint, config: Config, spec: TeamSpec) -> dict[str, torch.Tensor]:
    """Return the parameters that a team plays with after a checkpoint, checked: [agents, ...] by name.

    config: as `to_play` returns it. Raises CheckpointError when parameters are missing or have other shapes.
    """
    played = networks(checkpoint.tensors, spec.n_agents, agent_shapes(config, spec))
    require_played(checkpoint.path, played, config, spec)
    return played


def play_greedily(
    agents: AgentStack, world: World, records: TeamRecords, purpose: Purpose, episodes: range
) -> Iterator[EpisodeResults]:
    """Play episodes with training's evaluation function; yield the results of each batch.

    records: the sink of `world`. episodes: their numbers, in steps of one.
    """
    for begin in episodes[::SIDE_BY_SIDE]:
        evaluate(agents, world, begin, min(SIDE_BY_SIDE, episodes.stop - begin), purpose=purpose)
        results = records.results(purpose)
        assert results is not None
        yield results


def round_of(checkpoint: Checkpoint) -> int:
    """Return the round after which a checkpoint's networks were saved.

    Those of the best evaluation have it among their facts.
    """
    found = checkpoint.facts.get("round", checkpoint.round)
    return found if type(found) is int else checkpoint.round
