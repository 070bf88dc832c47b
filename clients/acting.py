"""Acting in a batch of episodes, until the last one has ended: greedy actions, and drawn ones with rate epsilon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch

from fedqmix.algorithms.base import COLUMNS, INDIVIDUAL_REWARD, LOG_PROB, TERMINATED, Q
from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import PlayedEpisodes, empty_columns
from fedqmix.clients.torch_rows import joined, joined_parameters
from fedqmix.networks.base import Network, Parameters, Seen
from fedqmix.networks.gru_kernels.acting import Choices, ExplorationDraws, Memory
from fedqmix.networks.gru_kernels.networks import CompiledActing
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.batched_runs import Work
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.torch_products import adopt_thread_limit, aligned
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Floats, Floats64, Integers, TimeStep, World


class StepObserver(Protocol):
    """An observer of a batch of episodes, which changes nothing.

    It must copy the arrays that it keeps: they may be overwritten.
    """

    def acting(self, time_step: TimeStep, q_values: Floats, actions: Integers, explored: Bools) -> None:
        """Observe the agents' actions before the world takes the environment step.

        q_values: [agents, episodes, n_actions]. actions, explored (drawn, not greedy): [agents, episodes].
        """

    def over(self, time_step: TimeStep) -> None:
        """Observe the time step in which the last episode ended."""


def play_batch(
    agents: AgentStack,
    world: World,
    batch: EpisodeBatch,
    epsilon: float,
    observer: StepObserver | None = None,
    recorded: Sequence[str] | None = None,
    uniform: bool = False,
) -> tuple[PlayedEpisodes, list[int]]:
    """Play episodes in parallel to their end with the online networks.

    epsilon: each agent's probability of a drawn action (0: greedy), uniform or by the policy (AgentHalf.selection).
    observer: sees every time step. recorded: the columns that are recorded; None: those of the algorithm.
    uniform: draw uniformly from the available actions with every algorithm.
    Returns the completed episodes, and the numbers of the episodes whose game broke down.
    Raises DivergenceError when an individual reward or a Q-value is not finite.
    """
    observations, available, actions = empty_columns(len(agents.agent_ids), batch.count, agents.spec)
    names = agents.recorded if recorded is None else recorded
    columns = {name: np.zeros(actions.shape, COLUMNS[name]) for name in names}
    lengths = np.zeros(batch.count, np.int64)
    individual_returns = np.zeros((len(agents.agent_ids), batch.count), np.float64)
    actor = Actor(agents, batch, epsilon, observer, uniform=uniform)
    time_step = world.begin(batch)
    time = 0
    while True:
        observations[:, time], available[:, time] = time_step.observations, time_step.available_actions
        running = ~(time_step.terminated | time_step.truncated)
        if not running.any():
            if observer is not None:
                observer.over(time_step)
            break
        actions[:, time] = actor.act(time_step, time)
        time_step = world.step(actions[:, time])
        _require_finite(time_step.individual_rewards, agents, lengths.sum())
        known = {INDIVIDUAL_REWARD: time_step.individual_rewards, TERMINATED: time_step.terminated, **actor.recorded}
        for name, column in columns.items():
            column[:, time] = known[name]
        individual_returns += time_step.individual_rewards
        lengths += running
        time += 1
    moments = slice(0, time + 1)
    seen = observations[:, moments], available[:, moments], actions[:, moments]
    kept = {name: column[:, moments] for name, column in columns.items()}
    exists = None if time_step.exists.all() else time_step.exists.copy()
    played = PlayedEpisodes(*seen, lengths, individual_returns, time_step.won.copy(), kept, exists)
    again = np.flatnonzero(time_step.broken)
    return (played.only(~time_step.broken) if again.size else played), (batch.first + again).tolist()


class Actor:
    """The acting state of a batch of episodes: recurrent state, last actions and exploration draws.

    The draws are keyed by (seed, agent, episode), so they are the same in any stack.
    """

    def __init__(
        self,
        agents: AgentStack,
        batch: EpisodeBatch,
        epsilon: float,
        observer: StepObserver | None = None,
        remembered: Memory | None = None,
        uniform: bool = False,
    ) -> None:
        """remembered: the agents' state when the episodes have begun already; it is advanced in place.

        uniform: draw uniformly from the available actions, also where a policy would be drawn from.
        """
        self.agents = agents
        self.epsilon = epsilon
        self._by_policy = agents.half.selection == "categorical" and not uniform
        self.observer = observer
        stack = len(agents.agent_ids)
        begun = beginning(agents, batch.count) if remembered is None else remembered
        self.memory = torch.from_numpy(begun.hidden).to(agents.device)  # [agents, episodes, width]
        self.last_actions = torch.from_numpy(begun.last_actions).to(agents.device)
        shape = (agents.spec.episode_limit, batch.count)
        self.explore_draws = self.action_draws = np.zeros((stack, *shape))  # [agents, time, episodes]
        if epsilon > 0:
            self.explore_draws, self.action_draws = draw_exploration(
                agents, agents.seed, batch.purpose, batch.first, shape
            )
        self.recorded: dict[str, Floats] = {}
        """The recorded columns that acting makes, at the last moment: [agents, episodes] each."""
        self._compiled: CompiledActing | None = None
        if agents.compiled is not None:
            memory = Memory(self.memory.numpy(), self.last_actions.numpy())
            self._compiled = agents.compiled.acting(agents.networks.of(Q, agents.online), memory)

    def act(self, time_step: TimeStep, time: int) -> Integers:
        """Select every agent's action in every episode: [agents, episodes]; the next call overwrites it.

        Raises DivergenceError when a Q-value is not finite.
        """
        choices = self.choose(time_step, time)
        if not np.isfinite(choices.q).all():
            output = "a Q-value" if self.agents.half.selection == "epsilon_greedy" else "a logit of the policy"
            raise DivergenceError(f"{output} while acting", f"training step {self.agents.train_steps}")
        if self.observer is not None:
            self.observer.acting(time_step, choices.q, choices.actions, choices.explored)
        return choices.actions

    def choose(self, time_step: TimeStep, time: int) -> Choices:
        """Advance the recurrent state by one moment and select actions."""
        draws = ExplorationDraws(self.explore_draws[:, time], self.action_draws[:, time])
        return self.choose_by(time_step.observations, time_step.available_actions, draws)

    def choose_by(self, observations: Floats, available: Bools, draws: ExplorationDraws) -> Choices:
        """Advance the recurrent state by one moment and select actions with given exploration draws."""
        if self._compiled is not None:
            return self._compiled.choose(observations, available, self.epsilon, draws)
        q = self.agents.batched_runs.compute(Work.ACTING, (self, observations), act_batched)
        greedy = np.where(available, q, -np.inf).argmax(-1)
        explored = draws.explore_draws < self.epsilon
        if self._by_policy:
            policy = Categorical.of(q, available)
            actions = np.where(explored, policy.draw(draws.action_draws), greedy)
            self.recorded = {LOG_PROB: policy.log_prob(actions)}
        else:
            actions = np.where(explored, random_available(available, draws.action_draws), greedy)
        self.last_actions = torch.from_numpy(actions).to(self.agents.device)
        return Choices(q, actions, explored)

    def remembered(self) -> Memory:
        """Return the agents' state after the last moment; the next one may overwrite it."""
        return Memory(self.memory.cpu().numpy(), self.last_actions.cpu().numpy())


def beginning(agents: AgentStack, episodes: int) -> Memory:
    """Return the state of a stack of agents at the beginning of episodes."""
    stack = len(agents.agent_ids)
    hidden = agents.networks.network.begin(stack, episodes, agents.device)
    return Memory(hidden.cpu().numpy(), np.full((stack, episodes), -1, np.int64))


def act_batched(acting: Sequence[tuple[Actor, Floats]]) -> list[Floats]:
    """Advance the recurrent states of one or several teams by one moment.

    acting: actors, with observations [agents, episodes, obs_dim] each.
    Returns Q-values [agents, episodes, n_actions] each.
    """
    adopt_thread_limit()
    counts = [observations.shape[1] for _, observations in acting]
    found: dict[int, Floats] = {}
    for count in dict.fromkeys(counts):  # teams with equally many episodes form one stack
        places = [place for place, own in enumerate(counts) if own == count]
        values = _advance([acting[place][0] for place in places], [acting[place][1] for place in places])
        found |= dict(zip(places, values, strict=True))
    return [found[place] for place in range(len(acting))]


@torch.no_grad()
def _advance(actors: Sequence[Actor], observations: Sequence[Floats]) -> list[Floats]:
    stacks = [actor.agents for actor in actors]
    first = stacks[0]
    parameters = joined_parameters([stack.networks.of(Q, stack.online) for stack in stacks])
    seen = Seen(
        torch.from_numpy(np.concatenate(observations)).to(first.device),
        joined([actor.last_actions for actor in actors]),
        joined([stack.ids for stack in stacks]),
    )
    memory = joined([actor.memory for actor in actors])
    network = first.networks.network
    if first.by_agent:
        q, memory = _step_by_agent(network, parameters, seen, memory)
    else:
        q, memory = network.step(parameters, seen, memory)
    for actor, own in zip(actors, memory.chunk(len(actors)), strict=True):
        actor.memory = own
    values: Floats = q.cpu().numpy()
    return np.split(values, len(actors))


def _step_by_agent(
    network: Network, parameters: Parameters, seen: Seen, memory: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Advance every agent as a stack of one, so that its values do not depend on the size of the stack."""
    found = []
    for agent in range(len(seen.agent_ids)):
        own = slice(agent, agent + 1)
        alone = seen.of_agents(own)
        own_parameters = {name: aligned(value[own]) for name, value in parameters.items()}
        found.append(network.step(own_parameters, alone, aligned(memory[own])))
    return torch.cat([q for q, _ in found]), torch.cat([new for _, new in found])


class Categorical(NamedTuple):
    """The policies of a stack of agents at one moment: a softmax of logits over the available actions."""

    logits: Floats64  # [agents, episodes, n_actions], the largest available one is 0; -inf: not available
    cumulative: Floats64  # [agents, episodes, n_actions], sums of exp(logits) up to each action

    @classmethod
    def of(cls, outputs: Floats, available: Bools) -> Self:
        """Return the policies with some outputs of network q: [agents, episodes, n_actions], as `available`."""
        logits = np.where(available, outputs, -np.inf).astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        # each agent by itself: a vectorised exp may round differently where an array ends
        return cls(logits, np.stack([np.exp(own) for own in logits]).cumsum(-1))

    def draw(self, draws: np.ndarray) -> Integers:
        """Draw actions by the inverse of the cumulative distribution.

        draws: [agents, episodes] uniform in [0, 1). Returns [agents, episodes] int64; no action of probability 0.
        """
        below = draws[..., None] * self.cumulative[..., -1:]
        chosen: Integers = (self.cumulative > below).argmax(-1)
        return chosen

    def log_prob(self, actions: Integers) -> Floats:
        """Return the log-probabilities of actions: [agents, episodes]."""
        taken = np.take_along_axis(self.logits, actions[..., None], axis=-1)[..., 0]
        total = np.stack([np.log(own) for own in self.cumulative[..., -1]])
        found: Floats = (taken - total).astype(np.float32)
        return found


def random_available(available: Bools, draws: np.ndarray) -> Integers:
    """Select one available action uniformly.

    available: [..., n_actions]. draws: [...] uniform in [0, 1). Returns [...] int64.
    """
    counts = available.sum(-1)
    nth = np.floor(draws * counts).astype(np.int64)  # 0 .. counts - 1
    chosen: Integers = (available.cumsum(-1) > nth[..., None]).argmax(-1)
    return chosen


def draw_exploration(
    agents: AgentStack, seed: int, purpose: str, first: int, shape: tuple[int, ...]
) -> ExplorationDraws:
    """Return every agent's exploration draws: [agents, *shape] each.

    purpose, first: key the draws, with the seed and the agent's id; `algorithm.exploration_draws` may give all agents
    the same decision to explore.
    """

    def drawn(role: str, agent: int) -> np.ndarray:
        return seeds.generator(seed, f"{purpose}.{role}", agent, first).random(shape)

    team = agents.learning.exploration_draws == "team"
    explore_draws = np.stack([drawn("coin", -1 if team else agent) for agent in agents.agent_ids])
    return ExplorationDraws(explore_draws, np.stack([drawn("pick", agent) for agent in agents.agent_ids]))


def _require_finite(rewards: Floats, agents: AgentStack, steps: np.int64) -> None:
    if not np.isfinite(rewards).all():
        agent = agents.agent_ids[int(np.argwhere(~np.isfinite(rewards))[0][0])]
        raise DivergenceError(f"the individual reward of agent {agent}", f"environment step {agents.env_steps + steps}")
