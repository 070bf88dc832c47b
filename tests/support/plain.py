"""Split Q-learning once more, the plain way: loops over episodes, moments and agents, one autograd graph, float64.

Nothing here comes from `clients` or `server` but the names of their parameters. Equations: lambda-returns of Sutton
and Barto 2018 (12.3), GRU of Cho et al. 2014 in
PyTorch's convention, DRQN of Hausknecht and Stone 2015, double Q of van Hasselt et al. 2016, VDN of Sunehag et al.
2018, QMIX of Rashid et al. 2018, Adam of Kingma and Ba 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from fedqmix.conf.schema import AlgorithmConfig

Network = dict[str, Tensor]


@dataclass
class Episode:
    """One episode, as lists over time; moment `length` is what was seen after the last action."""

    length: int
    terminated: bool  # else it was cut off
    observations: list[list[Tensor]]  # [agent][moment], each [obs_dim]
    available: list[list[list[bool]]]  # [agent][moment][action]
    actions: list[list[int]]  # [agent][time]
    states: list[Tensor]  # [moment], each [state_dim]
    rewards: list[float]  # [time], the team's
    individual: list[list[float]] = field(default_factory=list)  # [agent][time], each agent's own


class PlainStep(NamedTuple):
    """What one training step came to; Q-values are keyed by (agent, position of the episode in the batch, time)."""

    q_taken: dict[tuple[int, int, int], Tensor]
    q_next: dict[tuple[int, int, int], Tensor]
    loss: float
    value_gradients: dict[tuple[int, int, int], Tensor]  # d loss / d q_taken
    gradients: list[Network]  # before clipping, one per agent (one in all when the network is shared)
    mixer_gradients: Network
    norm: float
    scale: float


class PlainTeam:
    """A team that learns centrally.

    networks: one per agent, or a single one that all agents share. mixer: the mixer's parameters by name.
    """

    def __init__(self, networks: list[Network], mixer: Network, n_agents: int, settings: AlgorithmConfig) -> None:
        self.networks = [_leaves(network) for network in networks]
        self.mixer = _leaves(mixer)
        self.target_networks = [_leaves(network) for network in networks]
        self.target_mixer = _leaves(mixer)
        self.n_agents = n_agents
        self.settings = settings
        self.steps = 0
        self._moments: dict[int, tuple[Tensor, Tensor]] = {}

    def step(self, batch: list[Episode]) -> PlainStep:
        """Learn once from a batch of episodes."""
        q_taken, q_next = self._q_values(batch)
        loss = self._loss(batch, q_taken, q_next)
        parameters = [value for network in [*self.networks, self.mixer] for value in network.values()]
        found = torch.autograd.grad(loss, [*parameters, *q_taken.values()], allow_unused=True)
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=False)]
        norm = float(sum(float((g * g).sum()) for g in gradients)) ** 0.5
        scale = min(1.0, self.settings.grad_norm_clip / (norm + 1e-6))
        self.steps += 1
        for parameter, gradient in zip(parameters, gradients, strict=True):
            self._adam(parameter, gradient * scale)
        if self.steps % self.settings.target_update_interval == 0:
            self._update_targets()
        named = iter(gradients)
        by_network = [{name: next(named) for name in network} for network in [*self.networks, self.mixer]]
        value_gradients = dict(zip(q_taken, found[len(parameters) :], strict=True))
        return PlainStep(
            {key: q.detach() for key, q in q_taken.items()},
            q_next,
            float(loss.detach()),
            value_gradients,
            by_network[:-1],
            by_network[-1],
            norm,
            scale,
        )

    def _q_values(self, batch: list[Episode]) -> tuple[dict, dict]:
        q_taken, q_next = {}, {}
        for agent in range(self.n_agents):
            network = self.networks[agent % len(self.networks)]
            target_network = self.target_networks[agent % len(self.networks)]
            for position, episode in enumerate(batch):
                online = all_q_values(network, episode, agent, self.n_agents)
                with torch.no_grad():
                    target = all_q_values(target_network, episode, agent, self.n_agents)
                for time in range(episode.length):
                    q_taken[agent, position, time] = online[time][episode.actions[agent][time]]
                    judge = online[time + 1] if self.settings.double_q else target[time + 1]
                    best = best_available(judge, episode.available[agent][time + 1])
                    q_next[agent, position, time] = target[time + 1][best]
        return q_taken, q_next

    def _loss(self, batch: list[Episode], q_taken: dict, q_next: dict) -> Tensor:
        """Mean over all transitions (and over agents, when each learns for itself) of the squared TD error."""
        errors = []
        for position, episode in enumerate(batch):
            values, next_values = [], []  # [time][output]
            for time in range(episode.length):
                mine = [q_taken[agent, position, time] for agent in range(self.n_agents)]
                future = [q_next[agent, position, time] for agent in range(self.n_agents)]
                values.append(self._mix(self.mixer, mine, episode.states[time]))
                next_values.append(self._mix(self.target_mixer, future, episode.states[time + 1]))
            for output in range(len(values[0])):
                following = [float(one[output].detach()) for one in next_values]
                own = episode
                if getattr(self.settings, "reward", "team") == "individual":
                    own = replace(episode, rewards=episode.individual[output])
                for time in range(episode.length):
                    target = lambda_return(own, following, time, self.settings.gamma, self.settings.td_lambda)
                    errors.append((values[time][output] - target) ** 2)
        return torch.stack(errors).mean()

    def _mix(self, mixer: Network, q: list[Tensor], state: Tensor) -> list[Tensor]:
        if self.settings.name == "iql":
            return q
        if self.settings.name == "vdn":
            return [sum(q[1:], q[0])]
        return [qmix(mixer, q, state)]

    def _adam(self, parameter: Tensor, gradient: Tensor) -> None:
        first, second = self._moments.get(id(parameter), (torch.zeros_like(parameter), torch.zeros_like(parameter)))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        self._moments[id(parameter)] = first, second
        unbiased_first = first / (1 - 0.9**self.steps)
        unbiased_second = second / (1 - 0.999**self.steps)
        with torch.no_grad():
            parameter -= self.settings.learning_rate * unbiased_first / (unbiased_second.sqrt() + 1e-8)

    def _update_targets(self) -> None:
        rate = self.settings.target_update_rate
        pairs = zip([*self.target_networks, self.target_mixer], [*self.networks, self.mixer], strict=True)
        for target, online in pairs:
            for name in target:
                target[name] = ((1 - rate) * target[name] + rate * online[name]).detach()


def lambda_return(episode: Episode, next_values: list[float], time: int, gamma: float, td_lambda: float) -> float:
    """(1 - lambda) sum_n lambda^(n-1) R_n + lambda^(N-1) R_N, by its definition; R_n: the n-step return.

    next_values: [time], the value of the moment after each action; the last one counts in truncated episodes alone.
    """
    steps = episode.length - time
    total, individual_returns = 0.0, 0.0
    for n in range(1, steps + 1):
        individual_returns += gamma ** (n - 1) * episode.rewards[time + n - 1]
        over = n == steps and episode.terminated
        n_step = individual_returns + (0.0 if over else gamma**n * next_values[time + n - 1])
        total += (td_lambda ** (n - 1)) * (1.0 if n == steps else 1 - td_lambda) * n_step
    return total


def all_q_values(network: Network, episode: Episode, agent: int, n_agents: int) -> list[Tensor]:
    """An agent's Q-values [n_actions] at every moment of an episode."""
    width = network["gru.weight_hh"].shape[0]
    n_actions = network["head.bias"].shape[0]
    hidden = torch.zeros(width, dtype=torch.float64)
    values = []
    for moment in range(episode.length + 1):
        last_action = torch.zeros(n_actions, dtype=torch.float64)
        if moment > 0:
            last_action[episode.actions[agent][moment - 1]] = 1
        who = torch.zeros(n_agents, dtype=torch.float64)
        who[agent] = 1
        seen = torch.cat([episode.observations[agent][moment].double(), last_action, who])
        features = (seen @ network["fc.weight"] + network["fc.bias"]).clamp(min=0)
        hidden = gru(network, features, hidden, width)
        values.append(hidden @ network["head.weight"] + network["head.bias"])
    return values


def gru(network: Network, x: Tensor, hidden: Tensor, width: int) -> Tensor:
    """r, z = sigmoid(.), n = tanh(W x + b + r (U h + c)), h' = (1 - z) n + z h."""

    def inside(gate: int) -> Tensor:
        columns = slice(gate * width, (gate + 1) * width)
        return x @ network["gru.weight_ih"][:, columns] + network["gru.bias_ih"][columns]

    def recurrent(gate: int) -> Tensor:
        columns = slice(gate * width, (gate + 1) * width)
        return hidden @ network["gru.weight_hh"][:, columns] + network["gru.bias_hh"][columns]

    reset = 1 / (1 + torch.exp(-(inside(0) + recurrent(0))))
    update = 1 / (1 + torch.exp(-(inside(1) + recurrent(1))))
    new = torch.tanh(inside(2) + reset * recurrent(2))
    return (1 - update) * new + update * hidden


def best_available(q: Tensor, available: list[bool]) -> int:
    """The available action of highest value."""
    best = -1
    for action, allowed in enumerate(available):
        if allowed and (best < 0 or float(q[action].detach()) > float(q[best].detach())):
            best = action
    return best


def qmix(mixer: Network, q: list[Tensor], state: Tensor) -> Tensor:
    """Q_total = |w2(s)| . elu(|W1(s)| q + b1(s)) + v(s), for one transition."""
    state = state.double()
    bias = linear(mixer, "bias_1", state)
    embed = bias.shape[0]
    weight_1 = hypernetwork(mixer, "weight_1", state).abs()
    weight_2 = hypernetwork(mixer, "weight_2", state).abs()
    total = linear(mixer, "value.2", linear(mixer, "value.0", state).clamp(min=0))[0]
    for unit in range(embed):
        inner = bias[unit]
        for agent, value in enumerate(q):
            inner = inner + weight_1[agent * embed + unit] * value
        total = total + weight_2[unit] * (inner if float(inner.detach()) > 0 else torch.exp(inner) - 1)
    return total


def hypernetwork(mixer: Network, name: str, state: Tensor) -> Tensor:
    """One linear layer, or two with a ReLU between them."""
    if f"{name}.weight" in mixer:
        return linear(mixer, name, state)
    return linear(mixer, f"{name}.2", linear(mixer, f"{name}.0", state).clamp(min=0))


def linear(mixer: Network, name: str, x: Tensor) -> Tensor:
    """W x + b."""
    return mixer[f"{name}.weight"] @ x + mixer[f"{name}.bias"]


def _leaves(network: Network) -> Network:
    return {name: value.detach().double().clone().requires_grad_() for name, value in network.items()}
