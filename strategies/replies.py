"""The replies of a team: sorted in agent order, and checked (strategies.checks)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flwr.app import ArrayRecord, Message, MetricRecord

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.checks import (
    Arrays,
    change_norms,
    numbers,
    oversized,
    read,
    short,
    unlike,
    unlike_sizes,
    wrong_arrays,
    wrong_figures,
)
from fedqmix.strategies.known import Known

FIRST = 10.0
"""Largest ratio, either way, of a first network's norm to the others' median; honest first networks are alike."""
Sent = Sequence[ArrayRecord]
"""The arrays sent to each agent: [agents]."""


def metrics_of(reply: Message) -> MetricRecord:
    """Return a reply's metrics; empty when the reply has none."""
    return reply.content.metric_records.get(m.METRICS, MetricRecord())


def arrays_of(reply: Message) -> ArrayRecord:
    """Return a reply's arrays; empty when the reply has none."""
    return reply.content.array_records.get(m.ARRAYS, ArrayRecord())


def agent_of(reply: Message) -> int:
    """Return the agent's index in a reply.

    Raises FederationError when it is missing or not an integer, and when the reply cannot be read.
    """
    node = reply.metadata.src_node_id
    if (fault := _unreadable(reply)) is not None:
        raise FederationError(f"node {node} {fault}.")
    agent = metrics_of(reply).get(m.AGENT)
    if isinstance(agent, bool) or not isinstance(agent, int):
        raise FederationError(f"node {node} answered as agent {str(agent)[:40]!r}.")
    return agent


def in_agent_order(replies: Iterable[Message], nodes: Sequence[int], round_: int) -> list[Message]:
    """Sort replies in agent order. nodes: [agents], Flower node ids.

    Raises FederationError when a reply is missing or doubled, or when it reports an agent's error.
    """
    replies = list(replies)
    found = {reply.metadata.src_node_id: reply for reply in replies}
    for agent, node in enumerate(nodes):
        if sum(reply.metadata.src_node_id == node for reply in replies) > 1:
            raise FederationError(f"agent {agent} answered twice in round {round_}")
        if node not in found:
            raise FederationError(f"agent {agent} did not answer in round {round_}")
        if found[node].has_error():
            raise FederationError(f"agent {agent} failed in round {round_}: {found[node].error.reason}")
    return [found[node] for node in nodes]


def wrong_figures_in(replies: Sequence[Message], known: Sequence[Known]) -> dict[int, str]:
    """Return the agents whose metrics differ from the known ones, with the fault of each.

    replies, known: [agents].
    """
    found = {
        agent: _unreadable(reply) or wrong_figures(metrics_of(reply), known[agent])
        for agent, reply in enumerate(replies)
    }
    return {agent: what for agent, what in found.items() if what is not None}


def wrong_updates(
    replies: Sequence[Message], sent: Sent, known: Sequence[Known], max_update: float | None
) -> dict[int, str]:
    """Return the agents whose update is refused, with the fault of each.

    replies, sent, known: [agents]. max_update: factor of strategies.checks.oversized; None: no limit. Norms are
    compared only between agents whose arrays pass the other checks.
    """
    found: dict[int, str] = {}
    norms: dict[int, dict[str, float]] = {}
    for agent, reply in enumerate(replies):
        if _unreadable(reply) is not None:  # reported with its figures
            continue
        asked, arrays = numbers(sent[agent]), read(arrays_of(reply))
        wrong = arrays if isinstance(arrays, str) else wrong_arrays(arrays, asked)
        if wrong is not None:
            found[agent] = wrong
        elif not isinstance(arrays, str):
            norms[agent] = change_norms(arrays, asked)
    return wrong_figures_in(replies, known) | _too_large(norms, max_update, "an update") | found


def _unreadable(reply: Message) -> str | None:
    """Return the fault of an answer that the server could not read; None for one that it could."""
    why = reply.content.config_records.get(m.UNREADABLE)
    return None if why is None else f"sent an answer that cannot be read: {short(why.get(m.REASON))}"


def require_like_starts(starts: Sequence[ArrayRecord], max_update: float | None) -> None:
    """Check that the first parameters are finite and agree in names, shapes, types and norm.

    max_update: None skips the comparison of norms. Raises FederationError, naming the agents that differ.
    """
    arrays: list[Arrays] = []
    for agent, start in enumerate(starts):
        own = read(start)
        wrong = own if isinstance(own, str) else wrong_arrays(own, own)
        if wrong is not None or isinstance(own, str):
            raise FederationError(f"agent {agent} {wrong} when it joined.")
        arrays.append(own)
    found = unlike(arrays)
    if not found and max_update is not None:
        norms = [sum(change_norms(one, {name: value * 0 for name, value in one.items()}).values()) for one in arrays]
        found = unlike_sizes(dict(enumerate(norms)), FIRST)
    if found:
        texts = [f"agent {agent} {what}" for agent, what in sorted(found.items())]
        raise FederationError(f"{'; '.join(texts)}. All agents must begin alike: repair these and start again.")


def _too_large(norms: dict[int, dict[str, float]], factor: float | None, what: str) -> dict[int, str]:
    found: dict[int, str] = {}
    if factor is not None:
        for group in {group: None for own in norms.values() for group in own}:
            of_group = {agent: own[group] for agent, own in norms.items() if group in own}
            found |= oversized(of_group, factor, f"{what} ({group.rstrip('.')})" if group else what)
    return found
