"""The team's side of a training step: the local Coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch

from fedqmix.algorithms import AlgorithmSettings, find_algorithm, make_team_half
from fedqmix.algorithms.base import Learned as LearnedRows
from fedqmix.algorithms.base import target_of
from fedqmix.algorithms.training import make_training, stored_name
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.episodes import StepDraws, TeamTransitions
from fedqmix.runtime.core.errors import DivergenceError, RefusedError
from fedqmix.runtime.core.facts import Learned, Returns
from fedqmix.runtime.core.world import Integers, Purpose, TeamSpec
from fedqmix.runtime.storage.draw import slots_to_learn_from
from fedqmix.server.absence import strangers, without_absent
from fedqmix.server.bounds import AgentBounds, BoundSettings, largest_sender, require_finite_rows, value_ranges
from fedqmix.server.team_records import TeamRecords


class TeamLearningSettings(AlgorithmSettings, BoundSettings, Protocol):
    """The settings that the team's side uses (conf.schema.AlgorithmConfig has them)."""

    learning_rate: float
    batch_size: int
    target_update_interval: int
    target_update_rate: float


Drawn = tuple[tuple[int, int], Integers]
"""(training steps, episodes added) at the time of a draw, and the slots drawn."""
NOTHING_DRAWN: Drawn = ((-1, -1), np.zeros(0, np.int64))


class TeamLearner:
    """The local Coordinator; it owns the team half, its target and the team's episodes."""

    def __init__(
        self,
        spec: TeamSpec,
        settings: TeamLearningSettings,
        records: TeamRecords,
        seed: int,
        device: torch.device,
        batched_runs: BatchedRuns = SINGLE_RUN,
        backend: str = "auto",
    ) -> None:
        """Draw the initial weights.

        batched_runs: the run's handle among several in one program. backend: runtime.backend.
        """
        self.settings = settings
        self.records = records
        self.seed = seed
        algorithm = find_algorithm(settings)
        self.rows, self.replay = algorithm.sized_rows(spec, settings), algorithm.agent.replay
        self.half = make_team_half(algorithm, settings, spec, seed).to(device)
        self.target = target_of(self.half)
        self.training = make_training(self.half, self.target, self.rows, settings.learning_rate, backend, batched_runs)
        self.bounds = AgentBounds(settings, spec.episode_limit)
        self.train_steps = 0
        self._drawn = NOTHING_DRAWN
        # since the last report: training steps, the half's figures, gradient norm
        self._sums = torch.zeros(2 + len(self.half.figures), dtype=torch.float64)

    @property
    def slots(self) -> Integers:
        """The slots [batch] int64 of the next training step's episodes, longest first.

        See runtime.storage.draw.
        """
        ring, now = self.records.ring, (self.train_steps, self.records.ring.added)
        if self._drawn[0] != now:
            drawn = self.settings.batch_size, self.seed, self.train_steps, self.replay
            self._drawn = now, slots_to_learn_from(ring, *drawn)
        return self._drawn[1]

    def exchange(self, rows: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the gradients of the team's loss with respect to the differentiable rows; see Coordinator.

        Q-values beyond an agent's bound are clipped before learning and recorded in `faults` (server.bounds), values of
        agents that do not exist are set to zero and recorded (server.absence).
        Raises DivergenceError when a row or the loss is not finite, SlotError when fewer than batch_size episodes are
        stored.
        """
        transitions = self.records.sample(self.slots)._replace(draws=StepDraws(self.seed, self.train_steps))
        rows, strays = without_absent(rows, self.rows, transitions)
        values = {row.name: rows[row.name] for row in self.rows if row.q_value}
        others = {row.name: rows[row.name] for row in self.rows if row.dtype == "float32" and not row.q_value}
        gradients, figures = self._learn(transitions, rows)
        # One read: each read of a number by the host waits until the GPU has finished all queued work. So values beyond
        # the bounds are found only after learning; the gradients are then computed again.
        read = torch.cat([strays, value_ranges(values | others), self._stacked(figures)]).cpu().tolist()
        ranges, means = read[len(strays) : -len(self.half.figures)], read[-len(self.half.figures) :]
        for agent, fault in strangers(read[: len(strays)], self.rows, self.train_steps + 1).items():
            self.bounds.faults.setdefault(agent, fault)
        of_values = 2 * sum(len(row) for row in values.values())
        require_finite_rows(others, ranges[of_values:], self.train_steps + 1)
        within = self.bounds.q_values(values, ranges[:of_values], self.records.largest_reward, self.train_steps + 1)
        if within is not None:
            gradients, figures = self._learn(transitions, {**rows, **within})
            means = self._stacked(figures).cpu().tolist()
        loss = means[self.half.figures.index("loss")]
        self._require_finite(f"the team's loss{largest_sender(others, ranges[of_values:])}", loss)
        self._sums[1:-1] += torch.tensor(means, dtype=torch.float64)
        return gradients

    def pool(self, gradients: torch.Tensor) -> torch.Tensor:
        """Sum gradients over the team.

        gradients: [agents, parameters]; rows beyond the bound are first scaled and recorded in `faults`.
        Returns [agents, parameters], the sum in every row.
        Raises DivergenceError when a row is not finite and algorithm.max_gradient is not null.
        """
        return self.bounds.rows(gradients, self.train_steps + 1).sum(0, keepdim=True).expand_as(gradients)

    def clip(self, squared_norms: torch.Tensor) -> float:
        """Update the mixer by an Adam step and return the clipping scale of this training step.

        squared_norms: [agents]. Norms beyond an agent's bound are reduced and recorded in `faults` (server.bounds).
        Raises DivergenceError when a norm or the mixer's gradient is not finite.
        """
        own = self.training.squared_norm()
        there = squared_norms.to(own.device)
        *norms, mixers, total = torch.cat([there.sqrt(), torch.stack([own, there.sum() + own])]).cpu().tolist()
        within = self.bounds.norms(norms, self.train_steps + 1)
        if within is not None:
            total = sum(norm * norm for norm in within) + mixers
        self._require_finite("the mixer's gradient", total)
        norm = float(np.sqrt(total))
        scale = min(1.0, self.settings.grad_norm_clip / (norm + 1e-6))
        self._sums[0] += 1
        self._sums[-1] += norm
        self.training.step(scale)
        self.train_steps += 1
        if self.train_steps % self.settings.target_update_interval == 0:
            self.training.update_target(self.settings.target_update_rate)
        return scale

    @property
    def faults(self) -> dict[int, str]:
        """Each agent's first fault since `forget_faults`: a text that follows the agent's name in a message."""
        return dict(self.bounds.faults)

    def forget_faults(self) -> None:
        """Clear the faults, as at the beginning of a round."""
        self.bounds.faults.clear()

    def report(self) -> dict[str, float]:
        """Return means since the last report: figures, grad_norm, and the training episodes' means.

        Without a training step since then, the figures and grad_norm are absent; without an episode, its means are.
        """
        steps, *sums = self._sums.tolist()
        means = self.episode_means()
        self._sums.zero_()
        self.records.sums.zero_()
        names = (*self.half.figures, "grad_norm")
        return means | ({name: value / steps for name, value in zip(names, sums, strict=True)} if steps else {})

    def learned(self) -> Learned:
        """Return the run's training steps and episodes, and the agents' faults since `forget_faults`."""
        return Learned(self.train_steps, self.records.ring.added, self.faults)

    def episode_means(self) -> dict[str, float]:
        """Return the training episodes' means since the last report, without a reset.

        See TeamRecords.training_means.
        """
        return self.records.training_means()

    def evaluation_return(self, purpose: Purpose = Purpose.EVALUATION) -> Returns:
        """Return mean and spread of the team return in the last evaluation with episodes of this purpose."""
        results = self.records.results(purpose)
        assert results is not None
        return Returns(float(results.returns.mean()), float(results.returns.std(dtype=np.float64)))

    def state(self) -> dict[str, torch.Tensor]:
        """Return the state for a checkpoint, as named tensors: everything except the episodes."""
        named = {f"mixer.{stored_name(name)}": value for name, value in self.half.state_dict().items()}
        named |= {f"target.{stored_name(name)}": value for name, value in self.target.state_dict().items()}
        named |= {f"adam.{name}": value for name, value in self.training.moments().items()}
        counted = {"sums": self._sums, "battle_sums": self.records.sums}
        reward = torch.tensor(self.records.largest_reward, dtype=torch.float64)
        return named | {"train_steps": torch.tensor(self.train_steps), "largest_reward": reward} | counted

    def load_state(self, named: Mapping[str, torch.Tensor]) -> None:
        """Load the output of `state`; clear faults, as their training steps are repeated."""
        self.forget_faults()
        self._drawn = NOTHING_DRAWN  # the episodes may differ
        for kind, module in (("mixer.", self.half), ("target.", self.target)):
            own = _under(kind, named)
            module.load_state_dict({name: own[stored_name(name)] for name in module.state_dict()})
        self.training.load_moments(_under("adam.", named))
        self.train_steps = int(named["train_steps"])
        self._sums.copy_(named["sums"])
        # An older checkpoint has no sums over episodes.
        self.records.sums.copy_(named.get("battle_sums", torch.zeros_like(self.records.sums)))
        # An older checkpoint has no largest reward; it is computed from the episodes, which may be loaded later.
        self.records.largest_reward = float(named["largest_reward"]) if "largest_reward" in named else None

    @torch.no_grad()
    def begin_with(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Replace the networks and their targets before the first training step.

        parameters: all of the half's by name, as checkpoints store them. Raises RefusedError for other names or shapes.
        """
        own = {stored_name(name): value for name, value in self.half.state_dict().items()}
        kinds = [{name: tuple(value.shape) for name, value in one.items()} for one in (own, parameters)]
        if kinds[0] != kinds[1]:
            raise RefusedError("The mixer was sent parameters to begin with that are not its own by name and shape.")
        for module in (self.half, self.target):
            for name, value in module.state_dict().items():
                value.copy_(parameters[stored_name(name)])

    def _learn(self, transitions: TeamTransitions, rows: Mapping[str, torch.Tensor]) -> LearnedRows:
        return self.training.learn(transitions, rows)

    def _stacked(self, figures: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack([figures[name] for name in self.half.figures])

    def _require_finite(self, place: str, value: float) -> None:
        if not np.isfinite(value):
            raise DivergenceError(place, f"training step {self.train_steps + 1}")


def _under(prefix: str, named: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: value for name, value in named.items() if name.startswith(prefix)}
