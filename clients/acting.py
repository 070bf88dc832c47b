"""Epsilon-greedy play: the agents act in a batch of battles until the last one is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.buffer import PlayedEpisodes, empty_columns
from fedqmix.networks.gru import joined, joined_parameters, network_inputs, q_step
from fedqmix.networks.gru_kernels.acting import Chances, Choices, Memory
from fedqmix.networks.gru_kernels.networks import CompiledActing
from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import DivergenceError
from fedqmix.runtime.core.together import Work
from fedqmix.runtime.core.world import Battles, Bools, Floats, Integers, Turn, World


class Watcher(Protocol):
    """Looks on while a batch of battles is played, and changes nothing.

    It must copy what it keeps: all arrays may be written over.
    """

    def acting(self, turn: Turn, q_values: Floats, actions: Integers, explored: Bools) -> None:
        """See what the agents chose in this turn, before the world takes the step.

        q_values: [agents, battles, n_actions]. actions, explored (drawn, not greedy): [agents, battles].
        """

    def over(self, turn: Turn) -> None:
        """See the turn in which the last battle was over."""


def play_batch(
    agents: AgentStack, world: World, battles: Battles, epsilon: float, watcher: Watcher | None = None
) -> tuple[PlayedEpisodes, list[int]]:
    """Play battles side by side to their end with the online networks.

    Returns the battles that were played to their end, and the episode numbers of those whose game broke down.
    epsilon: each agent's chance to take a random available action (0: greedy). watcher: is shown every turn.
    Raises DivergenceError when an individual reward or a Q-value is not finite.
    """
    observations, available, actions = empty_columns(len(agents.agent_ids), battles.count, agents.spec)
    lengths = np.zeros(battles.count, np.int64)
    earned = np.zeros((len(agents.agent_ids), battles.count), np.float64)
    actor = Actor(agents, battles, epsilon, watcher)
    turn = world.begin(battles)
    time = 0
    while True:
        observations[:, time], available[:, time] = turn.observations, turn.available_actions
        running = ~(turn.terminated | turn.truncated)
        if not running.any():
            if watcher is not None:
                watcher.over(turn)
            break
        actions[:, time] = actor.act(turn, time)
        turn = world.step(actions[:, time])
        _require_finite(turn.individual_rewards, agents, lengths.sum())
        earned += turn.individual_rewards
        lengths += running
        time += 1
    moments = slice(0, time + 1)
    columns = observations[:, moments], available[:, moments], actions[:, moments]
    played = PlayedEpisodes(*columns, lengths, earned, turn.won.copy())
    again = np.flatnonzero(turn.broken)
    return (played.only(~turn.broken) if again.size else played), (battles.first + again).tolist()


class Actor:
    """One batch of battles' acting state: recurrent state, last actions, and the exploration draws.

    The draws are keyed by (seed, agent, episode), so they are the same in any stack.
    """

    def __init__(self, agents: AgentStack, battles: Battles, epsilon: float, watcher: Watcher | None = None) -> None:
        self.agents = agents
        self.epsilon = epsilon
        self.watcher = watcher
        stack, width = len(agents.agent_ids), agents.online["gru.weight_hh"].shape[1]
        self.hidden = torch.zeros(stack, battles.count, width, device=agents.device)
        self.last_actions = torch.full((stack, battles.count), -1, dtype=torch.int64, device=agents.device)
        shape = (agents.spec.episode_limit, battles.count)
        self.coins = self.picks = np.zeros((stack, *shape))  # [agents, time, battles]
        if epsilon > 0:
            team = agents.learning.exploration_coin == "team"
            self.coins = np.stack([_draws(agents, "coin", -1 if team else a, battles, shape) for a in agents.agent_ids])
            self.picks = np.stack([_draws(agents, "pick", a, battles, shape) for a in agents.agent_ids])
        self._compiled: CompiledActing | None = None
        if agents.compiled is not None:
            memory = Memory(self.hidden.numpy(), self.last_actions.numpy())
            self._compiled = agents.compiled.acting(agents.online, memory)

    def act(self, turn: Turn, time: int) -> Integers:
        """Choose every agent's action in every battle: [agents, battles]; written over by the next call."""
        choices = self.choose(turn, time)
        if not np.isfinite(choices.q).all():
            raise DivergenceError("a Q-value while acting", f"training step {self.agents.train_steps}")
        if self.watcher is not None:
            self.watcher.acting(turn, choices.q, choices.actions, choices.explored)
        return choices.actions

    def choose(self, turn: Turn, time: int) -> Choices:
        """Advance the recurrent state by one moment and choose."""
        coins, picks = self.coins[:, time], self.picks[:, time]
        if self._compiled is not None:
            seen = turn.observations, turn.available_actions
            return self._compiled.choose(*seen, self.epsilon, Chances(coins, picks))
        q = self.agents.together.compute(Work.ACTING, (self, turn.observations), act_together)
        greedy = np.where(turn.available_actions, q, -np.inf).argmax(-1)
        explored = coins < self.epsilon
        actions = np.where(explored, random_available(turn.available_actions, picks), greedy)
        self.last_actions = torch.from_numpy(actions).to(self.agents.device)
        return Choices(q, actions, explored)


def act_together(acting: Sequence[tuple[Actor, Floats]]) -> list[Floats]:
    """Advance the recurrent states of one or several teams by one moment.

    acting: with observations [agents, battles, obs_dim] each. Returns Q-values [agents, battles, n_actions] each.
    """
    counts = [observations.shape[1] for _, observations in acting]
    found: dict[int, Floats] = {}
    for count in dict.fromkeys(counts):  # those who play as many battles are one stack
        places = [place for place, own in enumerate(counts) if own == count]
        values = _advance([acting[place][0] for place in places], [acting[place][1] for place in places])
        found |= dict(zip(places, values, strict=True))
    return [found[place] for place in range(len(acting))]


@torch.no_grad()
def _advance(actors: Sequence[Actor], observations: Sequence[Floats]) -> list[Floats]:
    stacks = [actor.agents for actor in actors]
    seen = torch.from_numpy(np.concatenate(observations)).to(stacks[0].device)
    last_actions, ids = joined([actor.last_actions for actor in actors]), joined([stack.ids for stack in stacks])
    inputs = network_inputs(seen, last_actions, ids, stacks[0].spec)
    hidden = joined([actor.hidden for actor in actors])
    q, hidden = q_step(joined_parameters([stack.online for stack in stacks]), inputs, hidden)
    for actor, own in zip(actors, hidden.chunk(len(actors)), strict=True):
        actor.hidden = own
    values: Floats = q.cpu().numpy()
    return np.split(values, len(actors))


def random_available(available: Bools, draws: np.ndarray) -> Integers:
    """Pick one available action uniformly.

    available: [..., n_actions]. draws: [...] uniform in [0, 1). Returns [...] int64.
    """
    counts = available.sum(-1)
    nth = np.floor(draws * counts).astype(np.int64)  # 0 .. counts - 1
    chosen: Integers = (available.cumsum(-1) > nth[..., None]).argmax(-1)
    return chosen


def _draws(agents: AgentStack, role: str, agent: int, battles: Battles, shape: tuple[int, int]) -> np.ndarray:
    return seeds.generator(agents.seed, f"{battles.purpose}.{role}", agent, battles.first).random(shape)


def _require_finite(rewards: Floats, agents: AgentStack, steps: np.int64) -> None:
    if not np.isfinite(rewards).all():
        agent = agents.agent_ids[int(np.argwhere(~np.isfinite(rewards))[0][0])]
        raise DivergenceError(f"the individual reward of agent {agent}", f"environment step {agents.env_steps + steps}")
