"""Batches of episodes and time steps as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Purpose, TeamSpec, TeamTimeStep, TimeStep
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.proto import team_sink_pb2, world_pb2


def batch_message(batch: EpisodeBatch) -> world_pb2.EpisodeBatch:
    """Return a batch of episodes as a message."""
    return world_pb2.EpisodeBatch(
        purpose=batch.purpose.value, first=batch.first, count=batch.count, series=batch.series
    )


def read_batch(message: world_pb2.EpisodeBatch) -> EpisodeBatch:
    """Return the batch of episodes of a message. Raises RefusedError for an unknown purpose."""
    try:
        purpose = Purpose(message.purpose)
    except ValueError:
        raise RefusedError(
            f"There are no episodes for {message.purpose[:40]!r}; choose from {', '.join(Purpose)}."
        ) from None
    series = message.series if message.HasField("series") else None
    return EpisodeBatch(purpose, message.first, message.count, series)


def sights(time_step: TimeStep) -> Sequence[world_pb2.Sight]:
    """Copy a time step of the whole team into one message for each agent."""
    flags = time_step.terminated, time_step.truncated, time_step.won, time_step.broken
    terminated, truncated, won, broken = map(encode, flags)
    whole = time_step.exists.all()
    return [
        world_pb2.Sight(
            observations=encode(time_step.observations[agent : agent + 1]),
            available_actions=encode(time_step.available_actions[agent : agent + 1]),
            individual_rewards=encode(time_step.individual_rewards[agent : agent + 1]),
            terminated=terminated,
            truncated=truncated,
            won=won,
            broken=broken,
            exists=None if whole else encode(time_step.exists[agent : agent + 1]),
        )
        for agent in range(len(time_step.observations))
    ]


def read_sight(message: world_pb2.Sight, spec: TeamSpec, count: int) -> TimeStep:
    """Return the time step of a stack of one. The agent itself checks for finite rewards: its error is clearer.

    Raises RefusedError for a wrong shape or type.
    """
    return TimeStep(
        decode(message.observations, "observations", np.float32, (1, count, spec.obs_dim)),
        decode(message.available_actions, "available_actions", np.bool_, (1, count, spec.n_actions)),
        decode(message.individual_rewards, "individual_rewards", np.float32, (1, count), finite=False),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
        _read_exists(message, 1, count),
    )


def team_time_step_message(time_step: TeamTimeStep) -> team_sink_pb2.TeamTimeStep:
    """Copy a time step of the mixer's side into a message."""
    arrays = time_step._asdict()
    if time_step.exists.all():
        del arrays["exists"]
    return team_sink_pb2.TeamTimeStep(**{name: encode(array) for name, array in arrays.items()})


def read_team_time_step(
    message: team_sink_pb2.TeamTimeStep, count: int, spec: TeamSpec, finite: bool = True
) -> TeamTimeStep:
    """Return the mixer side's time step of a message. Raises RefusedError as `read_sight` does."""
    return TeamTimeStep(
        decode(message.state, "state", np.float32, (count, spec.state_dim), finite),
        decode(message.team_reward, "team_reward", np.float32, (count,), finite),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
        _read_exists(message, spec.n_agents, count),
    )


def _read_exists(message: world_pb2.Sight | team_sink_pb2.TeamTimeStep, agents: int, count: int) -> Bools:
    if not message.HasField("exists"):
        return np.ones((agents, count), np.bool_)
    found: Bools = decode(message.exists, "exists", np.bool_, (agents, count))
    return found
