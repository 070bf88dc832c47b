"""The world in a process of its own, built when the server opens a run's attempt."""

from __future__ import annotations

from fedqmix.envs import make_world
from fedqmix.runtime.configuration.allowed import NOTHING, Allowed
from fedqmix.runtime.configuration.received import received
from fedqmix.runtime.core.world import LocalWorld, TeamSink


def make(config_yaml: str, sink: TeamSink, allowed: Allowed = NOTHING) -> LocalWorld:
    """Build the world of a run.

    sink: the mixer's TeamSink. allowed: the code that env.code may name. Raises ConfigurationError.
    """
    config = received(config_yaml, "world", allowed)
    return make_world(config.map, config.seed, config.env, sink, config.runtime.world_threads)
