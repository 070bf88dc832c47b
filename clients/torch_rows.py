"""An algorithm's rows and their backward pass by torch, for one or several teams at once.

On a CPU, each agent is computed as a stack of one, in a task of its own. So a row depends neither on the size of the
stack nor on the number of threads. On other devices, a team is one stack. Several runs' teams are one larger stack:
their parameters are concatenated along the agent axis. Each run samples its own episodes, so all are laid out on the
widest timeline. Entries after an episode's end are removed from the rows, and their gradients are zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from fedqmix.clients.agent_rows import AgentRows, Sampled
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import pack
from fedqmix.networks.base import Parameters, Seen
from fedqmix.networks.network_set import NetworkSet
from fedqmix.runtime.core.episodes import PackedEpisodes
from fedqmix.runtime.core.rows import Row, differentiable
from fedqmix.runtime.core.timeline import Timeline, widest
from fedqmix.runtime.core.torch_products import adopt_thread_limit, aligned
from fedqmix.runtime.core.world import TeamSpec


class TorchNetworks(NamedTuple):
    """The networks of a stack over packed episodes; an algorithms.base.AgentNetworks."""

    networks: NetworkSet
    online_parameters: Parameters
    target_parameters: Parameters
    seen: Seen
    order: Timeline

    @property
    def spec(self) -> TeamSpec:
        """See AgentNetworks."""
        return self.networks.network.spec

    @property
    def agent_ids(self) -> torch.Tensor:
        """See AgentNetworks."""
        return self.seen.agent_ids

    def online(self, network: str = "q") -> torch.Tensor:
        """See AgentNetworks."""
        return self.networks.unroll(network, self.online_parameters, self.seen, self.order)

    @torch.no_grad()
    def target(self, network: str = "q") -> torch.Tensor:
        """See AgentNetworks."""
        return self.networks.unroll(network, self.target_parameters, self.seen, self.order)

    def online_hidden(self, hidden: Sequence[torch.Tensor | None]) -> list[torch.Tensor]:
        """See AgentNetworks."""
        return self.networks.unroll_hidden(self.online_parameters, self.seen, self.order, hidden)

    def online_with_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See AgentNetworks."""
        return self.networks.unroll_features(self.online_parameters, self.seen, self.order)

    @torch.no_grad()
    def target_with_features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See AgentNetworks."""
        return self.networks.unroll_features(self.target_parameters, self.seen, self.order)

    def online_encoded(self, encoder: str, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """See AgentNetworks."""
        return self.networks.encode(encoder, self.online_parameters, features, actions)

    @torch.no_grad()
    def target_encoded(self, encoder: str, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """See AgentNetworks."""
        return self.networks.encode(encoder, self.target_parameters, features, actions)


def rows_of_stacks(sampled: Sequence[Sampled]) -> list[AgentRows]:
    """Compute the rows of one or several teams as one stack; their settings differ only in the seed."""
    first = sampled[0].agents
    order = widest([one.episodes.timeline for one in sampled])
    packed = [pack(one.episodes, order) for one in sampled]
    together = _joined_episodes(packed)
    stacks = [one.agents for one in sampled]
    parameters = joined_parameters([one.online for one in stacks]), joined_parameters([one.target for one in stacks])
    rows = _compute(first, parameters, joined([one.ids for one in stacks]), together, order)
    found = []
    for position, one in enumerate(sampled):
        own = slice(position * len(one.agents.ids), (position + 1) * len(one.agents.ids))
        found.append(AgentRows({row.name: _own(rows[row.name][own], row, one, order) for row in first.half.rows}))
    return found


def rows_by_agent(sampled: Sampled) -> AgentRows:
    """Compute the rows of a team on a CPU, every agent as a stack of one, distributed over threads."""
    agents, episodes = sampled
    count, names = len(agents.agent_ids), differentiable(agents.half.rows)
    found: list[Mapping[str, torch.Tensor]] = [{}] * count
    leaves: list[Parameters] = [{}] * count

    def forward(agent: int) -> None:
        adopt_thread_limit()
        own = slice(agent, agent + 1)
        leaves[agent] = {name: aligned(value.detach()[own]).requires_grad_() for name, value in agents.online.items()}
        target = {name: aligned(value[own]) for name, value in agents.target.items()}
        order, alone = episodes.timeline, episodes.of_agent(agent)
        packed = pack(alone, order)
        found[agent] = _compute(agents, (leaves[agent], target), agents.ids[own], packed, order)

    def way_back(gradients: Mapping[str, torch.Tensor]) -> None:
        def backward(agent: int) -> None:
            adopt_thread_limit()
            own = slice(agent, agent + 1)
            outputs = [found[agent][name] for name in names]
            given = [aligned(gradients[name][own]) for name in names]
            inputs = list(leaves[agent].values())
            through = torch.autograd.grad(outputs, inputs, given, allow_unused=True)
            for name, gradient in zip(leaves[agent], through, strict=True):
                into = agents.online[name].grad
                assert into is not None
                if gradient is not None:  # None: the loss does not depend on this parameter
                    into[own].copy_(gradient)

        agents.thread_pool.each(backward, count)

    agents.thread_pool.each(forward, count)
    rows = {row.name: torch.cat([one[row.name].detach() for one in found]) for row in agents.half.rows}
    return AgentRows(rows, way_back)


def joined(stacks: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenate stacks along the agent axis; a single one is not copied."""
    return stacks[0] if len(stacks) == 1 else torch.cat(list(stacks))


def _joined_episodes(packed: Sequence[PackedEpisodes]) -> PackedEpisodes:
    return PackedEpisodes(
        joined([one.observations for one in packed]),
        joined([one.last_actions for one in packed]),
        joined([one.available_actions for one in packed]),
        joined([one.actions for one in packed]),
        {name: joined([one.recorded[name] for one in packed]) for name in packed[0].recorded},
        tuple(draws for one in packed for draws in one.draws),
        _joined_exists(packed),
    )


def _joined_exists(packed: Sequence[PackedEpisodes]) -> torch.Tensor | None:
    if all(one.exists is None for one in packed):
        return None
    whole = torch.ones(1, dtype=torch.bool, device=packed[0].actions.device)
    batch = next(one.exists.shape[1] for one in packed if one.exists is not None)
    return joined([whole.expand(len(one.actions), batch) if one.exists is None else one.exists for one in packed])


def joined_parameters(stacks: Sequence[Parameters]) -> Parameters:
    """Concatenate the parameters of several stacks; gradients flow back to each."""
    return {name: joined([one[name] for one in stacks]) for name in stacks[0]}


def _compute(
    agents: AgentStack,
    parameters: tuple[Parameters, Parameters],
    ids: torch.Tensor,
    episodes: PackedEpisodes,
    order: Timeline,
) -> Mapping[str, torch.Tensor]:
    """Return the rows [agents, order's transitions or moments, *shape] by name. parameters: online, target."""
    seen = Seen(episodes.observations, episodes.last_actions, ids)
    return agents.half.compute(TorchNetworks(agents.networks, *parameters, seen, order), episodes, order)


def _own(row: torch.Tensor, declared: Row, sampled: Sampled, order: Timeline) -> torch.Tensor:
    """Return the entries of one team's episodes, in the order of their own timeline."""
    own = sampled.episodes.timeline
    if own is order:
        return row
    places = own.places(order)  # [own moments]
    if declared.per == "transition":
        places = places[own.batch :] - order.batch  # the moment after transition k is moment batch + k
    return row.index_select(1, torch.from_numpy(places).to(row.device))
