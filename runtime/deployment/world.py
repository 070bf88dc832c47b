"""The world in a process of its own, built when the server opens a run's attempt."""

from __future__ import annotations

from fedqmix.envs import make_world
from fedqmix.runtime.configuration.received import received
from fedqmix.runtime.core.world import LocalWorld, TeamSink


def make(config_yaml: str, sink: TeamSink) -> LocalWorld:
    """Build the world of a run. sink: the mixer's TeamSink. Raises ConfigurationError."""
    config = received(config_yaml)
    return make_world(config.map, config.seed, config.env, sink, config.runtime.world_threads)
