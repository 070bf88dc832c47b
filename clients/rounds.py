"""What a stack of agents does in a Flower round: collect and learn, or show what it has learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fedqmix.clients.acting import StepObserver
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import add_episodes
from fedqmix.clients.learning import train_step
from fedqmix.clients.playing import Played, play
from fedqmix.clients.proximal import Proximal
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, World


@dataclass(frozen=True)
class RoundPlan:
    """What the server asks for in one round.

    training_steps: gradient steps to take. env_steps: stop collecting when the team has played so many in all
    (the round then ends early). tie_gradients: every step with the team's summed gradient. proximal_mu: weight of the
    pull towards the values that the shared parameters begin the round with (clients.proximal); 0: none.
    """

    training_steps: int
    env_steps: int
    tie_gradients: bool
    proximal_mu: float = 0.0
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoundOutcome:
    """What came of a round."""

    individual_returns: np.ndarray  # [agents], individual rewards of the round's episodes
    episodes: int  # played in this round
    training_steps: int  # taken in this round
    broken: int  # how often a game broke down in this round


def train_round(agents: AgentStack, world: World, coordinator: Coordinator, plan: RoundPlan) -> RoundOutcome:
    """Train for one round.

    1. Play a batch of battles and remember it.
    2. Every episode earns training steps (updates_per_episode); take them, once the buffer holds a batch.
    3. Repeat until the plan's training steps are taken. Steps still owed are taken in the next round.
    """
    learning = agents.learning
    individual_returns = np.zeros(len(agents.agent_ids), np.float64)
    first_episode, first_step, broken = agents.episodes, agents.train_steps, 0
    last_step = first_step + plan.training_steps
    proximal = Proximal(plan.proximal_mu, agents.online, plan.shared) if plan.proximal_mu > 0 else None
    while agents.train_steps < last_step:
        if agents.pending_updates < 1 or agents.ring.filled < learning.batch_size:
            if agents.env_steps >= plan.env_steps:
                break
            played = collect(agents, world)
            individual_returns += played.individual_returns
            broken += played.broken
        while agents.pending_updates >= 1 and agents.train_steps < last_step:
            train_step(agents, coordinator, plan.tie_gradients, proximal)
            agents.pending_updates -= 1
    return RoundOutcome(individual_returns, agents.episodes - first_episode, agents.train_steps - first_step, broken)


def collect(agents: AgentStack, world: World) -> Played:
    """Play the training battles of one bout, remember them, and count what they earn in training steps."""
    learning = agents.learning
    battles = EpisodeBatch(Purpose.TRAINING, agents.episodes, learning.parallel_episodes)
    played = play(agents, world, battles, agents.epsilon(), keep=partial(add_episodes, agents.ring))
    agents.env_steps += int(played.lengths.sum())
    agents.episodes += battles.count
    if agents.ring.filled >= learning.batch_size:  # episodes of the warm-up earn nothing
        agents.pending_updates += battles.count * learning.updates_per_episode
    return played


def evaluate(
    agents: AgentStack,
    world: World,
    first_episode: int,
    episodes: int,
    observer: StepObserver | None = None,
    purpose: Purpose = Purpose.EVALUATION,
) -> Played:
    """Play greedy episodes that are not remembered and count for nothing. purpose: EVALUATION or VARIED_EVALUATION."""
    return play(agents, world, EpisodeBatch(purpose, first_episode, episodes), epsilon=0.0, observer=observer)
