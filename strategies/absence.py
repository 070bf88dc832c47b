"""Aggregation of teams whose size varies: an agent counts by the episodes in which it existed.

An agent that existed in no episode of a round learned from earlier ones alone, and has no return to be weighed by. Its
weight is 0, and it receives the aggregate. Where all agents existed in all episodes, nothing here changes a number.
"""

from __future__ import annotations

from collections.abc import Sequence

from fedqmix.runtime.core.facts import Counted


def playing(kept: Sequence[int], counts: Counted) -> tuple[list[int], tuple[int, ...]]:
    """Divide agents into those that existed in an episode of the round, and the others.

    kept: agents without a fault. counts: the world's, of the round's training episodes. In a round without episodes,
    and where none of the agents existed in one, all of them count.
    """
    played = counts.played_by_agent
    there = [agent for agent in kept if played[agent]] or list(kept)
    return there, tuple(agent for agent in kept if agent not in there)


def examples_of(kept: Sequence[int], counts: Counted) -> dict[int, int] | None:
    """Return agent -> its episodes in the round; None where all agents existed in all, or these ones in none."""
    found = {agent: counts.played_by_agent[agent] for agent in kept}
    return found if counts.played and any(found.values()) else None


def comparable_returns(kept: Sequence[int], counts: Counted) -> list[float]:
    """Return the mean individual return of the episodes in which each agent existed, times the round's episodes."""
    of_agents = zip(counts.individual_returns, counts.played_by_agent, strict=True)
    whole = [earned * (counts.episodes / played) if played else earned for earned, played in of_agents]
    return [whole[agent] for agent in kept]
