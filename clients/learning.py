"""One training step of a stack of agents: split Q-learning over the Mixer.

q_taken, q_next -> (mixer) gradient -> backward -> (mixer) clipping scale -> Adam -> target networks
"""

from __future__ import annotations

import torch

from clients.agents import AgentStack
from clients.buffer import EpisodeBatch, pack, recall
from clients.network import network_inputs, q_values
from contracts.errors import DivergenceError
from contracts.mixer import Mixer
from storage.draw import slots_to_learn_from


def train_step(agents: AgentStack, mixer: Mixer, tie_gradients: bool = False) -> None:
    """Learn once from one batch of episodes.

    tie_gradients: give every agent the team's summed gradient (strategy full_sharing).
    Raises DivergenceError when a gradient is not finite; no network has been changed then. Raises SlotError when fewer
    than batch_size episodes are stored.
    """
    agents.optimiser.zero_grad()  # a step that was broken off may have left some
    slots = slots_to_learn_from(agents.ring, agents.learning.batch_size, agents.seed, agents.train_steps)
    episodes = recall(agents.ring, slots)
    q_taken, q_next = team_q_values(agents, episodes)
    q_taken.backward(mixer.gradient(q_taken.detach(), q_next))  # type: ignore[no-untyped-call]
    squared_norms = _tie(agents, mixer) if tie_gradients else _squared_norms(agents)
    _require_finite(agents, squared_norms)
    scale = mixer.clip(squared_norms)
    for parameter in agents.online.values():
        if parameter.grad is not None and scale < 1:
            parameter.grad *= scale
    agents.optimiser.step()
    agents.train_steps += 1
    if agents.train_steps % agents.learning.target_update_interval == 0:
        update_target(agents)


def team_q_values(agents: AgentStack, episodes: EpisodeBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the mixer needs: q_taken (with graph) and q_next, both [agents, transitions].

    q_next is the target network's value of the next moment's best available action: best by the online network
    when double_q (van Hasselt et al. 2016), else by the target network itself.
    """
    if agents.compiled is not None:
        return agents.compiled.team_q_values(agents.online, agents.target, episodes, agents.learning.double_q)
    packed = pack(episodes)
    inputs = network_inputs(packed.observations, packed.last_actions, agents.ids, agents.spec)
    q = q_values(agents.online, inputs, packed.timeline, agents.recurrence)  # [agents, moments, n_actions]
    with torch.no_grad():
        target = q_values(agents.target, inputs, packed.timeline, agents.recurrence)[:, packed.timeline.batch :]
        judge = q.detach()[:, packed.timeline.batch :] if agents.learning.double_q else target
        unavailable = ~packed.available_actions[:, packed.timeline.batch :]
        best = judge.masked_fill(unavailable, -torch.inf).argmax(-1, keepdim=True)
        q_next = target.gather(-1, best).squeeze(-1)
    taken = torch.from_numpy(packed.timeline.taken).to(q.device)
    q_taken = q[:, taken].gather(-1, packed.actions.unsqueeze(-1)).squeeze(-1)
    return q_taken, q_next


@torch.no_grad()
def update_target(agents: AgentStack) -> None:
    """Move the target networks towards the online networks: all the way when target_update_rate is 1."""
    for name, parameter in agents.online.items():
        agents.target[name].lerp_(parameter, agents.learning.target_update_rate)


def _squared_norms(agents: AgentStack) -> torch.Tensor:
    """[agents] float64, the squared 2-norm of each agent's gradient."""
    total = torch.zeros(len(agents.agent_ids), dtype=torch.float64, device=agents.device)
    for gradient in _gradients(agents).values():
        total += torch.linalg.vector_norm(gradient.flatten(1), dim=1).double() ** 2
    return total


def _tie(agents: AgentStack, mixer: Mixer) -> torch.Tensor:
    """Replace each agent's gradient by the team's sum; return squared norms that add up to the shared network's."""
    gradients = _gradients(agents)
    pooled = mixer.pool(torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1))
    sizes = [gradient[0].numel() for gradient in gradients.values()]
    for gradient, total in zip(gradients.values(), torch.split(pooled, sizes, dim=1), strict=True):
        gradient.copy_(total.view_as(gradient))
    return _squared_norms(agents) / agents.spec.n_agents


def _gradients(agents: AgentStack) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in agents.online.items() if value.grad is not None}


def _require_finite(agents: AgentStack, squared_norms: torch.Tensor) -> None:
    if torch.isfinite(squared_norms).all():
        return
    row = int((~torch.isfinite(squared_norms)).nonzero()[0])
    name = next(name for name, gradient in _gradients(agents).items() if not torch.isfinite(gradient[row]).all())
    place = f"the gradient of {name} of agent {agents.agent_ids[row]}"
    raise DivergenceError(place, f"training step {agents.train_steps + 1}")
