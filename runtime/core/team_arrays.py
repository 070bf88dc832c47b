"""The arrays of a whole team in one mapping, with one entry for all agents that hold the same values.

    fc.weight                 held by every agent
    agents-0-1.head.weight    held by agents 0 and 1
    agents-2.head.weight      held by agent 2

A strategy's parameters have these names between two rounds, and in checkpoints. Messages to one agent have plain names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

Value = TypeVar("Value")
_OF_SOME = re.compile(r"agents-(\d+(?:-\d+)*)\.(.+)")


def team_name(name: str, agents: Sequence[int], n_agents: int) -> str:
    """Return the name of an array that some agents of a team hold; the plain name when all hold it."""
    return name if len(agents) == n_agents else f"agents-{'-'.join(map(str, agents))}.{name}"


def plain_name(name: str) -> str:
    """Return the name that an array has in an agent's messages."""
    found = _OF_SOME.fullmatch(name)
    return name if found is None else found[2]


def of_agent(team: Mapping[str, Value], agent: int) -> dict[str, Value]:
    """Return one agent's arrays by plain name, in an order that is the same for all agents."""
    found: dict[str, Value | None] = dict.fromkeys(map(plain_name, team))
    for name, value in team.items():
        some = _OF_SOME.fullmatch(name)
        if some is None or str(agent) in some[1].split("-"):
            found[plain_name(name)] = value
    return {name: value for name, value in found.items() if value is not None}
