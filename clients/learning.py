"""One training step of a stack of agents; the Coordinator computes the team half.

rows -> (team's side) gradients of the differentiable rows -> backward -> (team's side) clipping scale -> Adam ->
target networks. With individual rewards, the agents compute the gradients of the differentiable rows themselves.
"""

from __future__ import annotations

import torch

from fedqmix.clients.agent_rows import AgentRows, Sampled
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.gradient_places import GradientPlaces, tie
from fedqmix.clients.proximal import Proximal
from fedqmix.clients.rows import backward_batched, rows_batched
from fedqmix.runtime.core.batched_runs import Work
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.episodes import SampledEpisodes, StepDraws
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.storage.draw import slots_to_learn_from


def train_step(
    agents: AgentStack,
    coordinator: Coordinator,
    tie_gradients: bool = False,
    proximal: Proximal | None = None,
    places: GradientPlaces | None = None,
) -> None:
    """Take one training step on one batch of episodes.

    tie_gradients: give every agent the summed gradient of all that hold an element. places: where the agents' gradients
    lie in the team's pooled one; None: all hold one network (strategy full_sharing). proximal: the term that each agent
    adds to its own gradient, before norms and clipping.
    Raises DivergenceError when a gradient is not finite; the networks are then unchanged. Raises SlotError when fewer
    than batch_size episodes are stored.
    """
    state = agents.train_state
    state.zero_gradients()  # an interrupted training step may have left some
    drawn = agents.learning.batch_size, agents.seed, agents.train_steps, agents.half.replay
    slots = slots_to_learn_from(agents.ring, *drawn)
    sampled = sample_episodes(agents.ring, slots, StepDraws(agents.seed, agents.train_steps))
    computed = agent_rows(agents, sampled)
    rows = {name: row.detach() for name, row in computed.rows.items()}
    gradients = (
        coordinator.exchange(rows)
        if agents.individual_loss is None
        else agents.individual_loss.gradients(rows, sampled, agents.thread_pool if agents.by_agent else None)
    )
    agents.batched_runs.compute(Work.BACKWARD, (computed, gradients), backward_batched)
    if proximal is not None:
        proximal.add_gradient(agents.online)
    squared_norms = tie(agents, coordinator, places) if tie_gradients else state.squared_norms()
    _require_finite(agents, squared_norms)
    state.step(coordinator.clip(squared_norms))
    agents.train_steps += 1
    if agents.train_steps % agents.learning.target_update_interval == 0:
        state.update_target(agents.learning.target_update_rate)


def agent_rows(agents: AgentStack, episodes: SampledEpisodes) -> AgentRows:
    """Return the rows of the sampled episodes."""
    return agents.batched_runs.compute(Work.ROWS, Sampled(agents, episodes), rows_batched)


def _gradients(agents: AgentStack) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in agents.online.items() if value.grad is not None}


def _require_finite(agents: AgentStack, squared_norms: torch.Tensor) -> None:
    if torch.isfinite(squared_norms).all():
        return
    row = int((~torch.isfinite(squared_norms)).nonzero()[0])
    name = next(name for name, gradient in _gradients(agents).items() if not torch.isfinite(gradient[row]).all())
    place = f"the gradient of {name} of agent {agents.agent_ids[row]}"
    raise DivergenceError(place, f"training step {agents.train_steps + 1}")
