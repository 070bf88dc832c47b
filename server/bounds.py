"""Bounds on each agent's Q-values and gradients, which protect the other agents' learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from fedqmix.runtime.core.errors import DivergenceError

UNLIKE = 10.0
"""The multiple of the other agents' median |Q| that is always allowed, independent of rewards (docs/security.md)."""


class BoundSettings(Protocol):
    """The settings that the bounds need (conf.schema.AlgorithmConfig has them)."""

    gamma: float
    grad_norm_clip: float
    max_q: float | None
    max_gradient: float | None


class AgentBounds:
    """The bounds of Q-values and gradients, from the team rewards and the other agents' values.

        |Q_i|  <= max(max_q R / (1 - gamma), 10 M_i)
        |g_i|  <= max(max_gradient M_i, grad_norm_clip)

    Q_i: agent i's values in the rows that are Q-values. R: the largest |team reward| of one environment step of
    training so far (TeamRecords.largest_reward). R / (1 - gamma) is the return of that reward in every environment
    step for ever. With gamma 1, the episode limit replaces 1 / (1 - gamma). The term 10 M_i allows values that all
    agents share: initial networks where rewards are tiny, and a diverging team, for which no single agent is at fault.
    g_i: agent i's gradient, by its norm. M_i: the median of the other agents' largest |Q|, or norms, without zeros;
    for an even number of agents, the larger middle value.

    An agent beyond a bound is recorded in `faults`, and its values count as M_i: its Q-values are clipped to +-M_i,
    its norm or row is scaled to M_i. A cut at the bound itself would leave the agent more weight than the whole team.

    Limits of the rule:
    - It compares magnitudes. Wrong numbers of usual magnitude, a gradient with its sign flipped, and values up to
      max_gradient times the others' are within the bounds.
    - Among three or more agents, one agent cannot make an honest one exceed its bound: each median has an honest
      agent to choose. Half of the others together can.
    - Of two agents, each is compared with the other alone. The one with the larger values is at fault, also when the
      other sends values near zero. Only the reward's bound and grad_norm_clip, which do not depend on the other,
      protect an honest agent.
    - Agents that learn from individual rewards send no Q-values; only their norms and rows are bounded.
    - When all others send zeros, there is no comparison: norms have no bound, as there is no gradient to
      shrink, and Q-values have the reward's bound.
    - Agents of different unit types learn different values at different speeds. max_gradient leaves room for this:
      docs/security.md gives measurements of honest teams.
    """

    def __init__(self, settings: BoundSettings, episode_limit: int) -> None:
        self._max_q, self._max_gradient, self._clip = settings.max_q, settings.max_gradient, settings.grad_norm_clip
        self.horizon = 1 / (1 - settings.gamma) if settings.gamma < 1 else float(episode_limit)
        """The factor of the reward in the bound of |Q|, in environment steps."""
        self.faults: dict[int, str] = {}
        """Each agent's first fault, a text that follows the agent's name: values sent, bound, training step."""

    def q_values(
        self, values: Mapping[str, torch.Tensor], ranges: Sequence[float], reward: float, step: int
    ) -> dict[str, torch.Tensor] | None:
        """Return the rows of Q-values within the bounds; None when no value is beyond its bound.

        values: [agents, count] by name. ranges: `value_ranges(values)` as numbers. reward: R. step: the training
        step, for messages. Raises DivergenceError, which names the agent, when a value is not finite.
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
        """Return gradients with every row within the bound; the same tensor when no row is beyond it.

        gradients: [agents, parameters]. Raises DivergenceError, which names the agent, when a row is not finite.
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
        """Return the gradient norms [agents] within the bound; None when no norm is beyond it.

        Raises DivergenceError, which names the agent, when a norm is not finite.
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
        """Return the bound of an agent's |Q| and its source in words. shown: M_i."""
        assert self._max_q is not None
        worth = self._max_q * reward * self.horizon
        if worth < UNLIKE * shown:
            return UNLIKE * shown, f"{UNLIKE:g} times the other agents' median, {shown:.3g}"
        return worth, (
            f"algorithm.max_q={self._max_q:g} times the largest team reward of an environment step so far, "
            f"{reward:.3g}, times a horizon of {self.horizon:.4g} environment steps"
        )

    def _note(self, agent: int, sent: str, bound: float, why: str, step: int) -> None:
        words = f"sent {sent} to the mixer at training step {step}; the bound was {bound:.3g} ({why})"
        self.faults.setdefault(agent, words)


def require_finite_rows(rows: Mapping[str, torch.Tensor], ranges: Sequence[float], step: int) -> None:
    """Check rows without a bound of their own: probabilities and the like.

    rows: [agents, count, *shape] by name. ranges: `value_ranges(rows)` as numbers. step: the training step, for
    messages. Raises DivergenceError, which names the agent, when a value is not finite.
    """
    for position, (name, row) in enumerate(rows.items()):
        agents = len(row)
        own = ranges[2 * agents * position : 2 * agents * (position + 1)]
        _require_finite(f"a value of {name}", [_largest([own[a], own[agents + a]]) for a in range(agents)], step)


def largest_sender(rows: Mapping[str, torch.Tensor], ranges: Sequence[float]) -> str:
    """Return the agent that sent the largest of some rows' values, in words that follow "the team's loss".

    rows, ranges: as for `require_finite_rows`. Empty without rows. Values without a bound may be finite and still too
    large to compute with; then nothing else names the agent.
    """
    if not rows:
        return ""
    sizes, agents = [abs(value) for value in ranges], len(next(iter(rows.values())))
    place = sizes.index(max(sizes))
    name = list(rows)[place // (2 * agents)]
    return f" (the largest value without a bound is {sizes[place]:.3g}, of {name} from agent {place % agents})"


def value_ranges(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return each agent's largest, then smallest value, row by row: [2 rows agents].

    NaN where one of the values is NaN.
    """
    flat = (row.flatten(1) for row in values.values())
    ranges = [extreme for row in flat for extreme in (row.amax(1), row.amin(1))]
    return torch.cat(ranges) if ranges else torch.zeros(0)


def median_of_others(values: Sequence[float], agent: int) -> float:
    """Return the median of the other agents' values above zero; 0 without any.

    Of two middle values, it is the larger.
    """
    others = sorted(value for other, value in enumerate(values) if other != agent and value > 0)
    return others[len(others) // 2] if others else 0.0


def _largest(sizes: Sequence[float]) -> float:
    """Return the largest value, or NaN when one is NaN (`max` alone may miss it)."""
    return math.nan if any(map(math.isnan, sizes)) else max(sizes)


def _require_finite(what: str, values: Sequence[float], step: int) -> None:
    for agent, value in enumerate(values):
        if not math.isfinite(value):
            raise DivergenceError(f"{what} that agent {agent} sent to the mixer", f"training step {step}")
