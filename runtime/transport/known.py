"""The facts of world and mixer about an attempt as a message, and back."""

from __future__ import annotations

import math

from fedqmix.runtime.core.errors import RefusedError
from fedqmix.runtime.core.facts import Counted, Facts, Learned
from fedqmix.runtime.core.world import Purpose
from fedqmix.runtime.transport.proto import control_pb2


def known_message(facts: Facts) -> control_pb2.Known:
    """Return facts as a message."""
    learned = facts.learned
    return control_pb2.Known(
        counted=[
            control_pb2.Counted(
                purpose=purpose.value,
                battles=one.episodes,
                won=one.won,
                env_steps=one.env_steps,
                broken=one.broken,
                individual_returns=one.individual_returns,
                played=one.played,
            )
            for purpose, one in facts.counted.items()
        ],
        learned=None
        if learned is None
        else control_pb2.Learned(
            train_steps=learned.train_steps, episodes=learned.episodes, faults=dict(learned.faults)
        ),
    )


def read_known(message: control_pb2.Known) -> Facts:
    """Return the facts of a message.

    Raises RefusedError for an unknown purpose, a sum that is not finite, or played episodes that do not fit.
    """
    learned = message.learned if message.HasField("learned") else None
    return Facts(
        {_purpose(one.purpose): _counted(one) for one in message.counted},
        None if learned is None else Learned(learned.train_steps, learned.episodes, dict(learned.faults)),
    )


def _counted(one: control_pb2.Counted) -> Counted:
    if not all(math.isfinite(value) for value in one.individual_returns):
        raise RefusedError("The world counted rewards that are not finite.")
    returns, played = tuple(one.individual_returns), tuple(one.played)
    if played and (len(played) != len(returns) or max(played) > one.battles):
        raise RefusedError(f"The world counted {one.battles} episodes; {list(played)[:20]} cannot be the agents' own.")
    return Counted(one.battles, one.won, one.env_steps, one.broken, returns, played)


def _purpose(name: str) -> Purpose:
    try:
        return Purpose(name)
    except ValueError:
        raise RefusedError(f"The world counted episodes for {name[:40]!r}; there are {', '.join(Purpose)}.") from None
