"""A trained team: it acts, and gives its agents' networks as ordinary modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from fedqmix.algorithms.base import Q
from fedqmix.clients.acting import Actor, beginning, draw_exploration
from fedqmix.conf.schema import Config
from fedqmix.networks.gru_kernels.acting import Choices, ExplorationDraws
from fedqmix.networks.gru_kernels.acting import Memory as AgentsMemory
from fedqmix.networks.ordinary import OrdinaryNetwork, ordinary
from fedqmix.runtime.api.arguments import booleans, floats, integers, require_shape, share, whole
from fedqmix.runtime.core.errors import InputError
from fedqmix.runtime.core.world import Bools, EpisodeBatch, Floats, Integers, Purpose, TeamSpec
from fedqmix.runtime.runs.lifecycle.sides import AgentSide
from fedqmix.runtime.runs.lifecycle.threads import shared_out
from fedqmix.runtime.runs.local.trained import to_play

PURPOSE = "python"
"""Keys the exploration draws of Team.act."""


class TeamMemory(NamedTuple):
    """The state of a team between two moments of its episodes. `Team.act` returns it and takes it back.

    The team itself keeps none, so one team may act in several worlds.
    """

    hidden: Floats  # [agents, episodes, width]: every agent's recurrent state; width 0 without any
    last_actions: Integers  # [agents, episodes], -1 before an episode's first action
    moment: int  # the number of moments acted so far; keys the exploration draws


class Team:
    """The trained networks of a team; `fedqmix.load` and `Run.team` make it. It computes on the CPU.

    config: the settings of its run. spec: its sizes. path: the checkpoint. round: the round after which the networks
    were saved. One thread may call at a time.
    """

    def __init__(
        self, config: Config, spec: TeamSpec, parameters: Mapping[str, torch.Tensor], path: Path, round_: int
    ) -> None:
        """parameters: of the networks that act, [agents, ...] by name."""
        self.config, self.spec, self.path, self.round = config, spec, path, round_
        self.parameters = dict(parameters)
        self._playing = to_play(config)
        self._agents = AgentSide(self._playing, spec, range(spec.n_agents)).agents
        self._agents.load(self.parameters)

    def __repr__(self) -> str:
        return (
            f"<fedqmix.Team of {self.spec.n_agents} agents on {self.spec.map}, after round {self.round}: {self.path}>"
        )

    def act(
        self,
        observations: Any,
        available_actions: Any,
        memory: TeamMemory | None = None,
        *,
        epsilon: float = 0.0,
        seed: int | None = None,
    ) -> tuple[Integers, TeamMemory]:
        """Choose every agent's action at one moment.

        observations: [agents, obs_dim], or [agents, episodes, obs_dim] for several episodes; numbers.
        available_actions: the same shape with n_actions at its end; booleans, at least one True for every agent.
        memory: the previous call's; None begins the episodes. epsilon: every agent's probability of a random available
        action; 0 is greedy. seed: needed with epsilon > 0; it fixes the draws of each agent and moment.
        Returns actions, [agents] or [agents, episodes] int64, and the memory for the next moment.
        Raises InputError for a wrong shape or type, numbers that are not finite, and a mask without a True.
        """
        seen, available = self._seen(observations, available_actions)
        begun = self._begun(memory, seen.shape[1])
        epsilon = share("epsilon", epsilon)
        draws = self._draws(epsilon, seed, begun.moment, seen.shape[1])
        choices, after = self._choose(seen, available, begun, epsilon, draws)
        actions = choices.actions.copy()
        return (actions if np.ndim(observations) == 3 else actions[:, 0]), after

    def q_values(self, observations: Any, memory: TeamMemory | None = None) -> Floats:
        """Return every agent's Q-values at one moment, of unavailable actions too; the memory stays as it is.

        observations, memory: as in `act`. Returns [agents, n_actions] or [agents, episodes, n_actions] float32.
        Raises InputError as `act`.
        """
        given = floats("observations", observations)
        seen, available = self._seen(given, np.ones((*given.shape[:-1], self.spec.n_actions), np.bool_))
        begun = self._begun(memory, seen.shape[1])
        choices, _ = self._choose(seen, available, begun, 0.0, self._draws(0.0, None, 0, seen.shape[1]))
        return choices.q.copy() if given.ndim == 3 else choices.q[:, 0].copy()

    def network(self, agent: int) -> OrdinaryNetwork:
        """Return one agent's Q-network as a torch.nn.Module, with copies of its weights.

        Its layers are nn.Linear and nn.GRUCell (networks.ordinary); `forward(observations, last_actions, memory)`
        returns the Q-values that the team acts by, up to rounding. Raises InputError for an unknown agent,
        ConfigurationError for a network of your own that is not a ModuleNetwork.
        """
        agent = whole("agent", agent)
        if agent >= self.spec.n_agents:
            raise InputError(f"agent={agent} is not in the team: it has agents 0 to {self.spec.n_agents - 1}.")
        own = self._agents.networks.of(Q, self.parameters)
        return ordinary(self._agents.networks.network, agent, {name: value[agent] for name, value in own.items()})

    def state_dict(self, agent: int) -> dict[str, torch.Tensor]:
        """Return the weights of `network(agent)` by name, as copies; raises as it does."""
        return {name: value.detach() for name, value in self.network(agent).state_dict().items()}

    def _seen(self, observations: Any, available_actions: Any) -> tuple[Floats, Bools]:
        """Return both as [agents, episodes, ...]."""
        spec = self.spec
        found = floats("observations", observations), booleans("available_actions", available_actions)
        sizes = {"observations": spec.obs_dim, "available_actions": spec.n_actions}
        for (name, size), value in zip(sizes.items(), found, strict=True):
            one, several = (spec.n_agents, size), (spec.n_agents, None, size)
            require_shape(name, value, (one, "one episode"), (several, "several"))
        seen, available = found
        if seen.shape[:-1] != available.shape[:-1]:
            raise InputError(
                f"observations {list(seen.shape)} and available_actions {list(available.shape)} are of other agents "
                "or episodes: all but the last size must be equal."
            )
        if seen.ndim == 2:
            seen, available = seen[:, None], available[:, None]
        if not available.any(-1).all():
            agent, episode = np.argwhere(~available.any(-1))[0].tolist()
            raise InputError(f"available_actions has no available action for agent {agent} in episode {episode}.")
        return seen, available

    def _choose(
        self, seen: Floats, available: Bools, begun: TeamMemory, epsilon: float, draws: ExplorationDraws
    ) -> tuple[Choices, TeamMemory]:
        """Return the choices of a moment and the memory after it."""
        remembered = AgentsMemory(begun.hidden.copy(), begun.last_actions.copy())
        with shared_out(self._playing.runtime):
            actor = Actor(self._agents, EpisodeBatch(Purpose.REPLAY, 0, seen.shape[1]), 0.0, remembered=remembered)
            actor.epsilon = epsilon  # set now: an actor that begins with it draws for whole episodes
            choices = actor.choose_by(seen, available, draws)
        if not np.isfinite(choices.q).all():
            raise InputError("the Q-values are not finite: some observations or the memory are too large.")
        after = actor.remembered()
        return choices, TeamMemory(after.hidden.copy(), after.last_actions.copy(), begun.moment + 1)

    def _begun(self, memory: TeamMemory | None, episodes: int) -> TeamMemory:
        """Return a caller's memory, or that of new episodes. Raises InputError when it does not fit."""
        begun = TeamMemory(*beginning(self._agents, episodes), 0)
        if memory is None:
            return begun
        if not isinstance(memory, TeamMemory):
            raise InputError(f"memory is a {type(memory).__name__}: pass what the previous call returned, or None.")
        hidden, last_actions = floats("memory.hidden", memory.hidden), integers("memory.last_actions", memory[1])
        for name, own, fit in (("hidden", hidden, begun.hidden), ("last_actions", last_actions, begun.last_actions)):
            if own.shape != fit.shape:
                raise InputError(
                    f"memory.{name} has the shape {list(own.shape)}; {list(fit.shape)} is needed: the memory of the "
                    "same episodes, of this team."
                )
        if last_actions.min() < -1 or last_actions.max() >= self.spec.n_actions:
            raise InputError(f"memory.last_actions must be from -1 to {self.spec.n_actions - 1}.")
        return TeamMemory(hidden, last_actions, whole("memory.moment", memory.moment))

    def _draws(self, epsilon: float, seed: int | None, moment: int, episodes: int) -> ExplorationDraws:
        if epsilon > 0 and seed is None:
            raise InputError(f"epsilon={epsilon} needs a seed, which fixes the random actions: seed=1.")
        shape = (2, episodes)  # as in training, one moment of several: for another layout the kernel is compiled anew
        drawn = ExplorationDraws(*(np.zeros((self.spec.n_agents, *shape)) for _ in range(2)))
        if epsilon > 0:
            drawn = draw_exploration(self._agents, whole("seed", seed), PURPOSE, moment, shape)
        return ExplorationDraws(*(draws[:, 0] for draws in drawn))
