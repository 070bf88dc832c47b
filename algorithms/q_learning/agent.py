"""The Q-values that a training step learns from, and the way back: of one team, or of several runs' teams at once.

Several teams are one larger stack: their parameters stand one behind the other along the agent axis. Each has drawn
episodes of its own, so all are laid out on one timeline with room for everybody's; what is computed behind an episode's
end is left out again, and what flows back to it is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import PackedEpisodes, SampledEpisodes, pack
from fedqmix.networks.gru import joined, joined_parameters, network_inputs, q_values
from fedqmix.networks.gru_kernels.networks import gradient_arrays
from fedqmix.runtime.core.timeline import Timeline, widest


class Wanted(NamedTuple):
    """One team and the episodes that it learns from."""

    agents: AgentStack
    episodes: SampledEpisodes


class WayBack(Protocol):
    """Fills the gradients of one team's online parameters, given d loss / d q_taken [agents, transitions]."""

    def __call__(self, gradient: torch.Tensor, /) -> None:
        """See above."""


class TeamValues(NamedTuple):
    """What the mixer needs of one team's episodes.

    q_next is the target network's value of the next moment's best available action: best by the online network when
    double_q (van Hasselt et al. 2016), else by the target network itself.
    """

    q_taken: torch.Tensor  # [agents, transitions], with graph unless there is a way back
    q_next: torch.Tensor  # [agents, transitions]
    way_back: WayBack | None = None  # where autograd does not know it


def values_batched(wanted: Sequence[Wanted]) -> list[TeamValues]:
    """Compute every team's values; their settings differ in the seed alone, so their batches are of the same size."""
    if wanted[0].agents.compiled is not None:
        return [_compiled(one) for one in wanted]
    order = widest([one.episodes.timeline for one in wanted])
    packed = [pack(one.episodes, order) for one in wanted]
    q, q_next = _values([one.agents for one in wanted], packed, order)
    values = []
    for one, own, team, following in zip(wanted, packed, q.chunk(len(wanted)), q_next.chunk(len(wanted)), strict=True):
        places = one.episodes.timeline.places(order)  # [own moments]
        taken = torch.from_numpy(places[one.episodes.timeline.taken]).to(q.device)
        after = torch.from_numpy(places[order.batch :] - order.batch).to(q.device)
        q_taken = team.index_select(1, taken).gather(-1, own.actions.unsqueeze(-1)).squeeze(-1)
        values.append(TeamValues(q_taken, following.index_select(1, after)))
    return values


def backward_batched(learned: Sequence[tuple[TeamValues, torch.Tensor]]) -> list[None]:
    """Fill the gradients of every team's parameters. learned: with d loss / d q_taken [agents, transitions] each."""
    for values, gradient in learned:
        if values.way_back is not None:
            values.way_back(gradient)
    by_graph = [(values.q_taken, gradient) for values, gradient in learned if values.way_back is None]
    if by_graph:
        torch.autograd.backward([q for q, _ in by_graph], [gradient for _, gradient in by_graph])
    return [None for _ in learned]


def _values(
    stacks: Sequence[AgentStack], packed: Sequence[PackedEpisodes], order: Timeline
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return Q-values [teams * agents, moments, n_actions], and q_next [teams * agents, moments - batch]."""
    first, later = stacks[0], slice(order.batch, None)
    teams = zip(stacks, packed, strict=True)
    inputs = joined([network_inputs(own.observations, own.last_actions, of.ids, of.spec) for of, own in teams])
    q = q_values(joined_parameters([one.online for one in stacks]), inputs, order, first.recurrence)
    with torch.no_grad():
        parameters = joined_parameters([one.target for one in stacks])
        target = q_values(parameters, inputs, order, first.recurrence)[:, later]
        selector = q.detach()[:, later] if first.learning.double_q else target
        unavailable = ~joined([own.available_actions for own in packed])[:, later]
        best = selector.masked_fill(unavailable, -torch.inf).argmax(-1, keepdim=True)
        return q, target.gather(-1, best).squeeze(-1)


def _compiled(wanted: Wanted) -> TeamValues:
    agents = wanted.agents
    assert agents.compiled is not None
    values = agents.compiled.values(agents.online, agents.target, wanted.episodes, agents.learning.double_q)

    def way_back(gradient: torch.Tensor) -> None:
        values.backward(gradient, gradient_arrays(agents.online))

    return TeamValues(values.q_taken, values.q_next, way_back)
