"""What a strategy decides: weights or a mixing matrix, masks, rewards, and the arrays that agents are sent.

theta_i <- sum_j W_ij theta_j        for each agent i and each shared parameter (strategies/mixing.py)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.aggregation import aggregate
from fedqmix.strategies.mixing import Mask, Matrix, Mixing, Rows, counted_rows, equal_rows, require_stochastic
from fedqmix.strategies.record import RoundRecord
from fedqmix.strategies.settings import StrategySettings


@dataclass(frozen=True)
class GradientPlaces:
    """The places of each agent's gradients in the team's pooled one.

    size: of the pooled gradient. places: [agents], int32 by parameter name, of the parameter's shape; all of an agent's
    differ.
    """

    size: int
    places: Sequence[Mapping[str, NDArray[np.int32]]]


class Method(ABC):
    """The decisions of a strategy; `weights` is the only one without a default.

    settings: the strategy's configuration. n_agents: size of the team. starts: [agents], their first shared
    parameters. record: the current round's.
    """

    settings: StrategySettings
    n_agents: int
    starts: list[ArrayRecord]
    record: RoundRecord
    seed = 0
    """The run's seed, which keys every draw of a strategy; set by the builder."""
    announce: Callable[[str], None] = staticmethod(lambda text: None)
    """Called with a sentence for the user about long work and its result; set by the builder."""

    examples: Mapping[int, int] | None = None
    """Agent -> the episodes of this round in which it existed, of the agents whose updates count, in agent order. None:
    all agents existed in all episodes."""

    tie_gradients = False
    """Whether agents also share every gradient, as they all hold one network."""

    @abstractmethod
    def weights(self, rewards: Sequence[float]) -> list[float]:
        """Return the agents' weights in the aggregate; they sum to 1.

        rewards: [agents], R_i of this round, of the agents whose updates count. Agents that existed in no episode of
        the round are not among them: their weight is 0, and they receive the aggregate.
        """

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        """Return W of one shared parameter: [agents, agents], every row >= 0 with sum 1; by default equal rows.

        rewards: agent -> R_i of this round, in agent order, of the agents whose updates count. Weights of other agents
        go to these in proportion; an agent whose row has no other weight keeps what it began the round with.
        """
        return equal_rows(self.weights(list(rewards.values())), list(rewards), self.n_agents)

    def masks(self, name: str, shape: tuple[int, ...]) -> Mask | None:
        """Return which elements of a shared parameter each agent holds; None, the default: all.

        shape: of one agent's parameter. Returns [agents, *shape] bool, of which True is held. An element is averaged
        over those who hold it (strategies/mixing.py), and stays with each other agent as it is there.
        """
        return None

    def buffers(self, agent: int, round_: int) -> Mapping[str, NDArray[Any]]:
        """Return named arrays for an agent to keep: it neither trains nor returns them. By default none.

        They are sent with a round's training, saved with the agent's checkpoint, and replace earlier ones of the same
        name. All agents have the same names, shapes and types.
        """
        return {}

    def gradient_places(self) -> GradientPlaces | None:
        """Return where the agents' gradients lie in the team's pooled one, for agents that share every gradient.

        None, the default: they do not, or with `tie_gradients` all hold one network. Agents with a place in common
        begin the run with equal values there, and take every training step with the sum of their gradients.
        """
        return None

    def rewards(self, individual_returns: Sequence[float], contents: Sequence[ArrayRecord]) -> list[float]:
        """Return R_i of the agents whose updates count; by default their individual returns.

        individual_returns: of these agents in the round, as the world counted. Where agents did not exist in some of
        the round's episodes, it is the mean of those in which the agent existed, times the round's episodes.
        contents: their parameters.
        """
        return list(individual_returns)

    def arrays_for(self, agent: int, round_: int, arrays: ArrayRecord) -> ArrayRecord:
        """Return an agent's parameters at a round's start: its aggregate, or its own first ones.

        arrays: the agent's aggregate, by plain name.
        """
        own_start = round_ == 1 and not self.settings.common_start
        return self.starts[agent] if own_start else arrays

    def combine(self, contents: Sequence[ArrayRecord], weights: Sequence[float]) -> ArrayRecord:
        """Return the weighted sum of the agents' arrays, with the same names, shapes and types.

        Called when all agents have one aggregate. contents, weights: of the agents that count in this round, in agent
        order; updates are clipped already. An override with another arithmetic writes each agent's true share into
        `record.weights`. Raises FederationError when the agents' arrays cannot be aggregated.
        """
        return aggregate(contents, weights)


def mixing_of(method: Method, shapes: Mapping[str, tuple[int, ...]], rewards: Mapping[int, float]) -> Mixing:
    """Return a round's mixing of the shared parameters. shapes: of one agent's, by name. rewards: as `mixing_matrix`.

    Raises FederationError when a matrix is not row-stochastic, and when a mask has another shape or type.
    """
    counted = list(rewards)
    rows: dict[str, Rows] = {}
    masks: dict[str, Mask] = {}
    one_for_all = type(method).mixing_matrix is Method.mixing_matrix  # `weights` is asked once in a round
    for name, shape in shapes.items():
        if one_for_all and rows:
            rows[name] = next(iter(rows.values()))
        else:
            matrix = method.mixing_matrix(name, rewards)
            require_stochastic(matrix, name, method.n_agents)
            rows[name] = counted_rows(matrix, counted)
        mask = method.masks(name, shape)
        if mask is not None:
            masks[name] = _require_mask(mask, name, (method.n_agents, *shape))
    return Mixing(rows, masks)


def _require_mask(mask: Mask, name: str, shape: tuple[int, ...]) -> Mask:
    found = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != shape:
        raise FederationError(
            f"the mask of {name} is {found.dtype} of shape {list(found.shape)}; bool of shape {list(shape)} is needed, "
            "agents first."
        )
    return found
