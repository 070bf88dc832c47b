"""Bounds on what one agent may send to the mixer, so that it cannot undo what the others learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from fedqmix.runtime.core.errors import DivergenceError

UNLIKE = 10.0
"""Times the other agents' median |Q| that an agent may send, whatever the rewards are (docs/security.md)."""


class BoundSettings(Protocol):
    """The settings that the bounds need (conf.schema.AlgorithmConfig has them)."""

    gamma: float
    grad_norm_clip: float
    max_q: float | None
    max_gradient: float | None


class AgentBounds:
    """Hold each agent's Q-values and gradients to what the rewards allow and the other agents show.

        |Q_i|  <= max(max_q R / (1 - gamma), 10 M_i)
        |g_i|  <= max(max_gradient M_i, grad_norm_clip)

    Q_i: agent i's values in the rows that are Q-values. R: the largest |team reward| of one environment step of
    training so far
    (TeamRecords.largest_reward); R / (1 - gamma) is worth that reward in every step for ever. With gamma 1, the
    episode limit stands for 1 / (1 - gamma). 10 M_i leaves alone what all agents show alike: first networks where
    rewards are tiny, and a team that diverges, which is not one agent's doing.
    g_i: agent i's gradient, by its norm. M_i: the median of the other agents' largest |Q|, or norms, without zeros; of
    an even number of agents, the larger one in the middle.

    An agent beyond a bound is noted in `faults`. It counts as much as M_i then: its Q-values are clipped to +-M_i, its
    norm or row is scaled to M_i. To stop at the bound would leave it louder than the whole team.

    What the rule can and cannot tell:
    - It sees sizes. An agent that sends wrong numbers of usual size, or its gradient with the sign turned, keeps the
      bounds; so does one that sends up to max_gradient times what the others send.
    - One agent among three or more cannot have another one noted, as each median has an honest agent to choose. Half
      of the others together can.
    - Of two agents, only one is left to compare with. The one with the larger values is noted, also when the
      other one sends values near zero. The reward's bound and grad_norm_clip, which do not depend on the
      other, are all that shelters an honest agent from that.
    - Agents whose others send zeros alone have nothing to be compared with: their norms have no bound, as there is no
      gradient they could shrink, and their Q-values have the reward's bound.
    - Agents of different unit types differ in what they learn, and how fast. max_gradient leaves room
      for it: docs/security.md says what honest teams show.
    """

    def __init__(self, settings: BoundSettings, episode_limit: int) -> None:
        self._max_q, self._max_gradient, self._clip = settings.max_q, settings.max_gradient, settings.grad_norm_clip
        self.horizon = 1 / (1 - settings.gamma) if settings.gamma < 1 else float(episode_limit)
        """Environment steps that a reward is multiplied by in the bound of |Q|."""
        self.faults: dict[int, str] = {}
        """By agent, its first fault in words that follow its name: what it sent, the bound, the training step."""

    def q_values(
        self, values: Mapping[str, torch.Tensor], ranges: Sequence[float], reward: float, step: int
    ) -> dict[str, torch.Tensor] | None:
        """Return the rows of Q-values within the bounds; None when they are so already.

        values: [agents, count] by name. ranges: `value_ranges(values)` as numbers. reward: R. step: the training
        step, for messages. Raises DivergenceError that names the agent when a value is not finite.
        """
        if not values:
            return None
        agents = len(next(iter(values.values())))
        sizes = [abs(value) for value in ranges]
        largest = [_largest(sizes[agent::agents]) for agent in range(agents)]
        _require_finite("a Q-value", largest, step)
        if self._max_q is None or max(largest) <= self._max_q * reward * self.horizon:
            return None
        limits = [math.inf] * agents
        for agent, value in enumerate(largest):
            shown = median_of_others(largest, agent)
            bound, why = self._q_bound(reward, shown)
            if value <= bound or bound == 0:
                continue
            limits[agent] = min(bound, shown) if shown > 0 else bound
            name = list(values)[sizes[agent::agents].index(value) // 2]
            self._note(agent, f"values of {name} up to {value:.3g}", bound, why, step)
        if min(limits) == math.inf:
            return None
        one = next(iter(values.values()))
        limit = torch.tensor(limits, dtype=one.dtype, device=one.device).unsqueeze(1)
        return {name: row.clamp(-limit, limit) for name, row in values.items()}

    def rows(self, gradients: torch.Tensor, step: int) -> torch.Tensor:
        """Return gradients [agents, parameters] with rows within the bound; the same tensor when they are so already.

        Raises DivergenceError that names the agent when a row is not finite.
        """
        if self._max_gradient is None:
            return gradients
        norms = torch.linalg.vector_norm(gradients, dim=1).cpu().tolist()
        if not all(map(math.isfinite, norms)):  # the squares of finite numbers may be too large for float32
            norms = torch.linalg.vector_norm(gradients, dim=1, dtype=torch.float64).cpu().tolist()
        _require_finite("a gradient", norms, step)
        counted = self.norms(norms, step)
        if counted is None:
            return gradients
        scales = [within / norm if norm > 0 else 1.0 for within, norm in zip(counted, norms, strict=True)]
        return gradients * torch.tensor(scales, dtype=gradients.dtype, device=gradients.device).unsqueeze(1)

    def norms(self, norms: Sequence[float], step: int) -> list[float] | None:
        """Return the gradient norms [agents] within the bound; None when they are so already.

        Raises DivergenceError that names the agent when a norm is not finite.
        """
        _require_finite("a gradient norm", norms, step)
        if self._max_gradient is None or max(norms) <= self._clip:
            return None
        counted = list(norms)
        for agent, norm in enumerate(norms):
            shown = median_of_others(norms, agent)
            bound = max(self._max_gradient * shown, self._clip)
            if norm <= bound or shown == 0:
                continue
            counted[agent] = shown
            why = (
                f"algorithm.max_gradient={self._max_gradient:g} times the other agents' median, {shown:.3g}"
                if bound > self._clip
                else "algorithm.grad_norm_clip"
            )
            self._note(agent, f"a gradient of norm {norm:.3g}", bound, why, step)
        return counted if counted != list(norms) else None

    def _q_bound(self, reward: float, shown: float) -> tuple[float, str]:
        """Return the bound of an agent's |Q| and where it comes from. shown: M."""
        assert self._max_q is not None
        worth = self._max_q * reward * self.horizon
        if worth < UNLIKE * shown:
            return UNLIKE * shown, f"{UNLIKE:g} times the other agents' median, {shown:.3g}"
        return worth, (
            f"algorithm.max_q={self._max_q:g} times the largest team reward of a step so far, {reward:.3g}, times a "
            f"horizon of {self.horizon:.4g} steps"
        )

    def _note(self, agent: int, sent: str, bound: float, why: str, step: int) -> None:
        words = f"sent {sent} to the mixer at training step {step}; the bound was {bound:.3g} ({why})"
        self.faults.setdefault(agent, words)


def value_ranges(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return each agent's largest, then smallest values of each row: [2 rows agents]; NaN where one of them is NaN."""
    ranges = [extreme for row in values.values() for extreme in (row.amax(1), row.amin(1))]
    return torch.cat(ranges) if ranges else torch.zeros(0)


def median_of_others(values: Sequence[float], agent: int) -> float:
    """Return the median of what the other agents have above zero, the larger middle one of two; 0 when all is zero."""
    others = sorted(value for other, value in enumerate(values) if other != agent and value > 0)
    return others[len(others) // 2] if others else 0.0


def _largest(sizes: Sequence[float]) -> float:
    """Return the largest, or NaN when there is one (which max may overlook)."""
    return math.nan if any(map(math.isnan, sizes)) else max(sizes)


def _require_finite(what: str, values: Sequence[float], step: int) -> None:
    for agent, value in enumerate(values):
        if not math.isfinite(value):
            raise DivergenceError(f"{what} that agent {agent} sent to the mixer", f"training step {step}")
