"""A stack of agents in a Flower round: collect episodes and train, or evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fedqmix.algorithms.ppo.settings import PpoSettings
from fedqmix.clients.acting import StepObserver
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import add_episodes
from fedqmix.clients.gradient_places import GradientPlaces
from fedqmix.clients.learning import train_step
from fedqmix.clients.playing import Played, play
from fedqmix.clients.proximal import Proximal
from fedqmix.runtime.core.coordinator import Coordinator
from fedqmix.runtime.core.world import EpisodeBatch, Purpose, World


@dataclass(frozen=True)
class RoundPlan:
    """The server's plan of one round.

    training_steps: gradient steps to take. env_steps: the run's limit of environment steps, where collecting stops
    (the round then ends early). tie_gradients: every gradient step uses the team's summed gradient. proximal_mu: the
    weight of the proximal term (clients.proximal); 0: none. shared: names of the shared parameters. places: of the
    agents' gradients in the team's (clients.gradient_places); None: all agents hold one network.
    """

    training_steps: int
    env_steps: int
    tie_gradients: bool
    proximal_mu: float = 0.0
    shared: tuple[str, ...] = ()
    places: GradientPlaces | None = None


@dataclass(frozen=True)
class RoundOutcome:
    """The results of a round."""

    individual_returns: np.ndarray  # [agents], individual rewards summed over the round's episodes
    episodes: int  # played in this round
    played: np.ndarray  # [agents] int64, those of them in which each agent existed
    training_steps: int  # taken in this round
    broken: int  # game breakdowns in this round


def train_round(agents: AgentStack, world: World, coordinator: Coordinator, plan: RoundPlan) -> RoundOutcome:
    """Train for one round.

    1. Collect a batch of episodes in the buffer.
    2. Every episode adds updates_per_episode pending training steps; take them once the buffer holds a batch. (An
       algorithm that learns from the newest episodes takes `epochs` training steps for each batch instead.)
    3. Repeat until the plan's training steps are taken. The next round takes the steps that are still pending.
    """
    learning = agents.learning
    individual_returns = np.zeros(len(agents.agent_ids), np.float64)
    episodes_played = np.zeros(len(agents.agent_ids), np.int64)
    first_episode, first_step, broken = agents.episodes, agents.train_steps, 0
    last_step = first_step + plan.training_steps
    proximal = Proximal(plan.proximal_mu, agents.online, plan.shared) if plan.proximal_mu > 0 else None
    while agents.train_steps < last_step:
        if agents.pending_updates < 1 or agents.ring.filled < learning.batch_size:
            if agents.env_steps >= plan.env_steps:
                break
            played = collect(agents, world)
            individual_returns += played.individual_returns
            episodes_played += played.played
            broken += played.broken
        while agents.pending_updates >= 1 and agents.train_steps < last_step:
            train_step(agents, coordinator, plan.tie_gradients, proximal, plan.places)
            agents.pending_updates -= 1
    episodes, training_steps = agents.episodes - first_episode, agents.train_steps - first_step
    return RoundOutcome(individual_returns, episodes, episodes_played, training_steps, broken)


def collect(agents: AgentStack, world: World) -> Played:
    """Play a batch of training episodes, store them, and add their training steps to the pending ones."""
    learning = agents.learning
    batch = EpisodeBatch(Purpose.TRAINING, agents.episodes, learning.parallel_episodes)
    played = play(agents, world, batch, agents.epsilon(), keep=partial(add_episodes, agents.ring))
    agents.env_steps += int(played.lengths.sum())
    agents.episodes += batch.count
    if agents.ring.filled >= learning.batch_size:  # warm-up episodes add no training steps
        agents.pending_updates += training_steps_due(agents, batch.count)
    return played


def training_steps_due(agents: AgentStack, episodes: int) -> float:
    """Return the training steps that a collected batch of episodes adds."""
    if agents.half.replay == "newest":
        assert isinstance(agents.learning, PpoSettings)  # the only settings with epochs; OwnSettings are some of them
        return agents.learning.epochs
    return episodes * agents.learning.updates_per_episode


def evaluate(
    agents: AgentStack,
    world: World,
    first_episode: int,
    episodes: int,
    observer: StepObserver | None = None,
    purpose: Purpose = Purpose.EVALUATION,
) -> Played:
    """Play greedy episodes that are neither stored nor counted. purpose: EVALUATION or VARIED_EVALUATION."""
    return play(agents, world, EpisodeBatch(purpose, first_episode, episodes), epsilon=0.0, observer=observer)
