"""One training step of a stack of agents: split Q-learning over the Mixer.

q_taken, q_next -> (mixer) gradient -> backward -> (mixer) clipping scale -> Adam -> target networks
"""

from __future__ import annotations

import torch

from fedqmix.algorithms.q_learning.agent import TeamValues, Wanted, backward_batched, values_batched
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import SampledEpisodes, sample_episodes
from fedqmix.clients.proximal import Proximal
from fedqmix.runtime.core.batched_runs import Work
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.mixer import Mixer
from fedqmix.runtime.storage.draw import slots_to_learn_from


def train_step(agents: AgentStack, mixer: Mixer, tie_gradients: bool = False, proximal: Proximal | None = None) -> None:
    """Learn once from one batch of episodes.

    tie_gradients: give every agent the team's summed gradient (strategy full_sharing). proximal: what each agent adds
    to its own gradient, before norms and clipping.
    Raises DivergenceError when a gradient is not finite; no network has been changed then. Raises SlotError when fewer
    than batch_size episodes are stored.
    """
    state = agents.train_state
    state.zero_gradients()  # a step that was broken off may have left some
    slots = slots_to_learn_from(agents.ring, agents.learning.batch_size, agents.seed, agents.train_steps)
    episodes = sample_episodes(agents.ring, slots)
    values = team_q_values(agents, episodes)
    gradient = mixer.gradient(values.q_taken.detach(), values.q_next)
    agents.together.compute(Work.BACKWARD, (values, gradient), backward_batched)
    if proximal is not None:
        proximal.add_gradient(agents.online)
    squared_norms = _tie(agents, mixer) if tie_gradients else state.squared_norms()
    _require_finite(agents, squared_norms)
    state.step(mixer.clip(squared_norms))
    agents.train_steps += 1
    if agents.train_steps % agents.learning.target_update_interval == 0:
        state.update_target(agents.learning.target_update_rate)


def team_q_values(agents: AgentStack, episodes: SampledEpisodes) -> TeamValues:
    """Return what the mixer needs of the drawn episodes."""
    return agents.together.compute(Work.VALUES, Wanted(agents, episodes), values_batched)


def _tie(agents: AgentStack, mixer: Mixer) -> torch.Tensor:
    """Replace each agent's gradient by the team's sum; return squared norms that add up to the shared network's."""
    gradients = _gradients(agents)
    pooled = mixer.pool(torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1))
    sizes = [gradient[0].numel() for gradient in gradients.values()]
    for gradient, total in zip(gradients.values(), torch.split(pooled, sizes, dim=1), strict=True):
        gradient.copy_(total.view_as(gradient))
    return agents.train_state.squared_norms() / agents.spec.n_agents


def _gradients(agents: AgentStack) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in agents.online.items() if value.grad is not None}


def _require_finite(agents: AgentStack, squared_norms: torch.Tensor) -> None:
    if torch.isfinite(squared_norms).all():
        return
    row = int((~torch.isfinite(squared_norms)).nonzero()[0])
    name = next(name for name, gradient in _gradients(agents).items() if not torch.isfinite(gradient[row]).all())
    place = f"the gradient of {name} of agent {agents.agent_ids[row]}"
    raise DivergenceError(place, f"training step {agents.train_steps + 1}")
