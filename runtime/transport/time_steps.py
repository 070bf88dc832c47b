"""Battles and turns as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, TeamSpec, TeamTimeStep, TimeStep
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.proto import team_sink_pb2, world_pb2


def battles_message(battles: EpisodeBatch) -> world_pb2.EpisodeBatch:
    """Write down a batch of battles."""
    return world_pb2.EpisodeBatch(
        purpose=battles.purpose.value, first=battles.first, count=battles.count, series=battles.series
    )


def read_battles(message: world_pb2.EpisodeBatch) -> EpisodeBatch:
    """Return a batch of battles. Raises RefusedError for a purpose that does not exist."""
    try:
        purpose = Purpose(message.purpose)
    except ValueError:
        raise RefusedError(
            f"There are no battles for {message.purpose[:40]!r}; choose from {', '.join(Purpose)}."
        ) from None
    series = message.series if message.HasField("series") else None
    return EpisodeBatch(purpose, message.first, message.count, series)


def sights(time_step: TimeStep) -> Sequence[world_pb2.Sight]:
    """Copy a turn of the whole team into one message for each agent."""
    terminated, truncated, won, broken = (encode(flag) for flag in time_step[3:])
    return [
        world_pb2.Sight(
            observations=encode(time_step.observations[agent : agent + 1]),
            available_actions=encode(time_step.available_actions[agent : agent + 1]),
            individual_rewards=encode(time_step.individual_rewards[agent : agent + 1]),
            terminated=terminated,
            truncated=truncated,
            won=won,
            broken=broken,
        )
        for agent in range(len(time_step.observations))
    ]


def read_sight(message: world_pb2.Sight, spec: TeamSpec, count: int) -> TimeStep:
    """Return the turn of a stack of one; rewards may be not finite, which the agent itself tells best.

    Raises RefusedError when anything has not the shape or type it must have.
    """
    return TimeStep(
        decode(message.observations, "observations", np.float32, (1, count, spec.obs_dim)),
        decode(message.available_actions, "available_actions", np.bool_, (1, count, spec.n_actions)),
        decode(message.individual_rewards, "individual_rewards", np.float32, (1, count), finite=False),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
    )


def team_time_step_message(time_step: TeamTimeStep) -> team_sink_pb2.TeamTimeStep:
    """Copy what the mixer's side is told into a message."""
    return team_sink_pb2.TeamTimeStep(**{name: encode(array) for name, array in time_step._asdict().items()})


def read_team_time_step(
    message: team_sink_pb2.TeamTimeStep, count: int, state_dim: int, finite: bool = True
) -> TeamTimeStep:
    """Return what the world tells the mixer's side. Raises RefusedError like `read_sight`."""
    return TeamTimeStep(
        decode(message.state, "state", np.float32, (count, state_dim), finite),
        decode(message.team_reward, "team_reward", np.float32, (count,), finite),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
    )
