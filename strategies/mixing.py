"""Mixing: theta_i <- sum_j W_ij theta_j, with a row-stochastic matrix W over agents for each parameter.

Decentralised averaging calls W the mixing matrix (Lian et al. 2017, arXiv 1705.09056, section 3). With masks M, the
average at an element e goes over the agents that hold it, as in HeteroFL (Diao et al. 2021, arXiv 2010.01264):

    theta_i[e] <- sum_j W_ij M_j[e] theta_j[e] / sum_j W_ij M_j[e]        where M_i[e], else theta_i[e] stays

Where no agent that counts in the round has a weight, agent i keeps its own value. Sums are in agent order and float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from fedqmix.runtime.core.array_names import parameter_of
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.team_arrays import team_name
from fedqmix.strategies.aggregation import require_alike
from fedqmix.strategies.weights import by_examples, uniform, weighted_sum

Matrix = Sequence[Sequence[float]]
"""W of one parameter: [agents, agents], every row >= 0 with sum 1."""
Rows = Sequence[tuple[float, ...]]
"""The rows of W over the agents that count in the round: [agents, counted]."""
Mask = NDArray[np.bool_]
"""The elements of one parameter that the agents hold: [agents, ...]."""
TOLERANCE = 1e-6
"""Largest distance of a row's sum from 1; weights in float32 are that exact."""


def equal_rows(weights: Sequence[float], agents: Sequence[int], n_agents: int) -> list[list[float]]:
    """Return the matrix whose every row holds the weights of some agents: [agents, agents].

    weights: of `agents`; the others' are 0. Raises FederationError when their numbers differ.
    """
    if len(weights) != len(agents):
        raise FederationError(f"the strategy returned {len(weights)} weights; {len(agents)} agents need one each.")
    row = [0.0] * n_agents
    for agent, weight in zip(agents, weights, strict=True):
        row[agent] = float(weight)
    return [row] * n_agents


def cluster_rows(
    clusters: Sequence[Sequence[int]], n_agents: int, examples: Mapping[int, int] | None = None
) -> list[list[float]]:
    """Return the matrix of plain averages within clusters: [agents, agents].

    clusters: the agents of each, which together are all agents once. Row i holds 1/|C| for the agents of i's cluster C,
    or with examples (Method.examples) their shares of the cluster's.
    """
    rows = [[0.0] * n_agents for _ in range(n_agents)]
    for cluster in clusters:
        own = [(examples or {}).get(agent, 0) for agent in cluster]
        weights = by_examples(own) if any(own) else uniform(len(cluster))
        for agent in cluster:
            for other, weight in zip(cluster, weights, strict=True):
                rows[agent][other] = weight
    return rows


def require_stochastic(matrix: Matrix, name: str, n_agents: int) -> None:
    """Check a mixing matrix. name: the parameter, for errors.

    Raises FederationError, naming the row, unless it has a row for each agent, whose weights are >= 0 and sum to 1.
    """
    if len(matrix) != n_agents:
        raise FederationError(f"the mixing matrix of {name} has {len(matrix)} rows; {n_agents} agents need one each.")
    for agent, row in enumerate(matrix):
        where = f"row {agent} of the mixing matrix of {name}"
        if len(row) != n_agents:
            raise FederationError(f"{where} has {len(row)} weights; {n_agents} agents need one each.")
        wrong = [other for other, weight in enumerate(row) if not (math.isfinite(weight) and weight >= 0)]
        if wrong:
            raise FederationError(
                f"{where} gives agent {wrong[0]} the weight {row[wrong[0]]:g}; weights are finite and at least 0."
            )
        if not math.isclose(total := math.fsum(row), 1, rel_tol=0, abs_tol=TOLERANCE):
            raise FederationError(f"{where} sums to {total:.6g}; every row sums to 1.")


def counted_rows(matrix: Matrix, counted: Sequence[int]) -> Rows:
    """Return the rows over the agents that count in the round: [agents, counted].

    A weight of an agent that was left out goes to the others in proportion; a row without any other is 0.
    """
    rows = []
    for row in matrix:
        own = tuple(float(row[agent]) for agent in counted)
        if any(weight for agent, weight in enumerate(row) if agent not in counted):
            total = math.fsum(own)
            own = tuple(weight / total if total > 0 else 0.0 for weight in own)
        rows.append(own)
    return rows


@dataclass(frozen=True)
class Mixing:
    """A round's mixing. rows, masks: by parameter; target networks and moments take those of their parameter."""

    rows: Mapping[str, Rows]
    masks: Mapping[str, Mask]

    @property
    def one_row(self) -> tuple[float, ...] | None:
        """The one row of all agents and parameters; None when aggregates differ or no agent has a weight."""
        distinct = {row for rows in self.rows.values() for row in rows}
        return next(iter(distinct)) if len(distinct) == 1 and any(*distinct) and not self.masks else None

    @property
    def shares(self) -> list[float]:
        """Each counted agent's mean share over all agents' aggregates and parameters: [counted]."""
        if self.one_row is not None:
            return list(self.one_row)
        stacked = [row for rows in self.rows.values() for row in rows]
        return [math.fsum(column) / len(stacked) for column in zip(*stacked, strict=True)]

    def mix(self, contents: Mapping[int, ArrayRecord], sent: Sequence[ArrayRecord]) -> ArrayRecord:
        """Return the team's aggregates in one record (`team_record`).

        contents: agent -> its arrays, of the agents that count, in agent order; at least one. sent: [agents], what
        each began the round with. Raises FederationError when the contents have other names, shapes or types.
        """
        require_alike(list(contents.values()))
        own = [contents.get(agent, begun) for agent, begun in enumerate(sent)]
        aggregates: list[dict[str, Array]] = [{} for _ in sent]
        for name in next(iter(contents.values())):
            arrays = {agent: content[name].numpy() for agent, content in contents.items()}
            for agent, array in enumerate(self._mixed(name, arrays, [one[name] for one in own])):
                aggregates[agent][name] = array
        return team_record(aggregates)

    def _mixed(self, name: str, arrays: Mapping[int, NDArray[Any]], own: Sequence[Array]) -> Iterator[Array]:
        """Yield each agent's aggregate of one array. own: [agents], what an agent keeps where no agent has a weight."""
        rows, mask = self.rows[parameter_of(name)], self.masks.get(parameter_of(name))
        values, found = list(arrays.values()), dict[tuple[float, ...], Array]()
        for agent, row in enumerate(rows):
            if mask is not None:
                held = mask[list(arrays)]
                yield Array(masked_average(values, row, held, own[agent].numpy(), mask[agent]))
            elif not any(row):
                yield own[agent]
            else:
                if row not in found:
                    found[row] = Array(weighted_sum(values, row))
                yield found[row]


def masked_average(
    arrays: Sequence[NDArray[np.float32]],
    weights: Sequence[float],
    held: Mask,
    own: NDArray[np.float32],
    own_held: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return sum_j w_j M_j theta_j / sum_j w_j M_j where the agent holds the element, else its own value.

    arrays, weights, held: [counted, ...]. own, own_held: the agent's own values, and the elements that it holds.
    """
    total, weight = np.zeros(own.shape, np.float64), np.zeros(own.shape, np.float64)
    for array, share, mask in zip(arrays, weights, held, strict=True):
        total += np.where(mask, share * array.astype(np.float64), 0.0)
        weight += share * mask
    average = own.astype(np.float64)
    np.divide(total, weight, out=average, where=own_held & (weight > 0))
    return average.astype(own.dtype)


def team_record(own: Sequence[Mapping[str, Array]]) -> ArrayRecord:
    """Return the agents' arrays in one record, with one array for agents that hold equal values.

    own: [agents], with the same names. The names are those of runtime.core.team_arrays.
    """
    team: dict[str, Array] = {}
    for name in own[0]:
        groups: list[tuple[Array, list[int]]] = []
        for agent, arrays in enumerate(own):
            array = arrays[name]
            for value, agents in groups:
                if array is value or array.data == value.data:
                    agents.append(agent)
                    break
            else:
                groups.append((array, [agent]))
        team |= {team_name(name, agents, len(own)): value for value, agents in groups}
    return ArrayRecord(team)
