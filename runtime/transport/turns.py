"""Battles and turns as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.world import Battles, Purpose, TeamSpec, TeamTurn, Turn
from fedqmix.runtime.transport.codec import decode, encode
from fedqmix.runtime.transport.proto import team_sink_pb2, world_pb2


def battles_message(battles: Battles) -> world_pb2.Battles:
    """Write down a batch of battles."""
    return world_pb2.Battles(
        purpose=battles.purpose.value, first=battles.first, count=battles.count, series=battles.series
    )


def read_battles(message: world_pb2.Battles) -> Battles:
    """Return a batch of battles. Raises RefusedError for a purpose that does not exist."""
    try:
        purpose = Purpose(message.purpose)
    except ValueError:
        raise RefusedError(
            f"There are no battles for {message.purpose[:40]!r}; choose from {', '.join(Purpose)}."
        ) from None
    series = message.series if message.HasField("series") else None
    return Battles(purpose, message.first, message.count, series)


def sights(turn: Turn) -> Sequence[world_pb2.Sight]:
    """Copy a turn of the whole team into one message for each agent."""
    terminated, truncated, won, broken = (encode(flag) for flag in turn[3:])
    return [
        world_pb2.Sight(
            observations=encode(turn.observations[agent : agent + 1]),
            available_actions=encode(turn.available_actions[agent : agent + 1]),
            individual_rewards=encode(turn.individual_rewards[agent : agent + 1]),
            terminated=terminated,
            truncated=truncated,
            won=won,
            broken=broken,
        )
        for agent in range(len(turn.observations))
    ]


def read_sight(message: world_pb2.Sight, spec: TeamSpec, count: int) -> Turn:
    """Return the turn of a stack of one; rewards may be not finite, which the agent itself tells best.

    Raises RefusedError when anything has not the shape or type it must have.
    """
    return Turn(
        decode(message.observations, "observations", np.float32, (1, count, spec.obs_dim)),
        decode(message.available_actions, "available_actions", np.bool_, (1, count, spec.n_actions)),
        decode(message.individual_rewards, "individual_rewards", np.float32, (1, count), finite=False),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
    )


def team_turn_message(turn: TeamTurn) -> team_sink_pb2.TeamTurn:
    """Copy what the mixer's side is told into a message."""
    return team_sink_pb2.TeamTurn(**{name: encode(array) for name, array in turn._asdict().items()})


def read_team_turn(message: team_sink_pb2.TeamTurn, count: int, state_dim: int, finite: bool = True) -> TeamTurn:
    """Return what the world tells the mixer's side. Raises RefusedError like `read_sight`."""
    return TeamTurn(
        decode(message.state, "state", np.float32, (count, state_dim), finite),
        decode(message.team_reward, "team_reward", np.float32, (count,), finite),
        decode(message.terminated, "terminated", np.bool_, (count,)),
        decode(message.truncated, "truncated", np.bool_, (count,)),
        decode(message.won, "won", np.bool_, (count,)),
        decode(message.broken, "broken", np.bool_, (count,)),
    )
