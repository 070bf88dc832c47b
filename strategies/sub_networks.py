"""Sub-networks of one root network: the places of an agent's elements in it, and averages over the holders.

An agent holds some units of each hidden layer, and so the elements of every parameter between them. Where w_j is the
weight of agent j and the sums go over the agents j that count in the round and hold element e (HeteroFL: Diao et al.
2021, arXiv 2010.01264):

    theta[e] = sum_j w_j theta_j[e] / sum_j w_j

Every holder of e receives it. An element that no counted agent holds stays with each holder as it is there. Sums are in
agent order and float64. No agent computes with masks: it holds the gathered elements as a smaller network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedqmix.runtime.core import seeds
from fedqmix.runtime.core.errors import ConfigurationError, FederationError
from fedqmix.strategies.method import GradientPlaces

Shapes = Mapping[str, tuple[int, ...]]
Integers = NDArray[np.int64]
Units = Mapping[str, Integers]
"""Group -> the units of the root that each agent holds: [agents, kept], ascending."""


@dataclass(frozen=True)
class RootNetwork:
    """The network of which every agent holds a part.

    shapes: of the root's parameters. held: those of an agent's parameters, under the same names. groups: the group of
    hidden units along each axis of each parameter, None along inputs and outputs (networks.base.Network.units). An axis
    several times as long as its group is wide has a block of the group for each gate.
    Raises ConfigurationError when names, axes and lengths do not fit together.
    """

    shapes: Shapes
    held: Shapes
    groups: Mapping[str, tuple[str | None, ...]]

    def __post_init__(self) -> None:
        for name, shape in self.shapes.items():
            groups, own = self.groups.get(name), self.held.get(name, ())
            if groups is None or len(groups) != len(shape) or len(own) != len(shape):
                raise _unfit(f"{name} of shape {list(shape)} has the groups {groups}; one for each axis is needed")
            for axis, group in enumerate(groups):
                if group is None and shape[axis] != own[axis]:
                    raise _unfit(f"axis {axis} of {name} grows with model.hidden, and has no group")
                if group is not None and not self._is_in_blocks(group, shape[axis], own[axis]):
                    raise _unfit(
                        f"axis {axis} of {name} has {shape[axis]} numbers, and {own[axis]} of an agent; the units of "
                        f"{group!r} are {self.widths[group]} and {self.kept[group]}"
                    )
        if set(self.groups) != set(self.shapes) or set(self.held) != set(self.shapes):
            raise _unfit(f"its parameters are {', '.join(self.shapes)}, and its groups are of {', '.join(self.groups)}")

    @cached_property
    def widths(self) -> Mapping[str, int]:
        """The number of units of each group in the root."""
        return self._widths(self.shapes)

    @cached_property
    def kept(self) -> Mapping[str, int]:
        """The number of units of each group that an agent holds."""
        return self._widths(self.held)

    def size(self) -> int:
        """Return the number of elements of the root."""
        return sum(map(prod, self.shapes.values()))

    def _widths(self, shapes: Shapes) -> Mapping[str, int]:
        """Return the length of each group's shortest axis: the others have a block for each gate."""
        found: dict[str, int] = {}
        for name, groups in self.groups.items():
            for length, group in zip(shapes.get(name, ()), groups, strict=False):
                if group is not None:
                    found[group] = min(length, found.get(group, length))
        return found

    def _is_in_blocks(self, group: str, length: int, own: int) -> bool:
        blocks, rest = divmod(length, self.widths[group])
        return rest == 0 and own == blocks * self.kept[group]


@dataclass(frozen=True)
class Pooled:
    """The sums of one array over the root's elements. total: of w_j theta_j; weight: of w_j; both of the root's shape.

    weight is 0 where no counted agent holds the element.
    """

    total: NDArray[np.float64]
    weight: NDArray[np.float64]


class SubNetworks:
    """The parts of a root network that the agents of a team hold.

    units: of each of the root's groups. Raises FederationError when they are not valid.
    """

    def __init__(self, root: RootNetwork, units: Units) -> None:
        self.root, self.units = root, units
        self.n_agents = len(next(iter(units.values())))
        for group, width in root.widths.items():
            own = units[group]
            if own.shape != (self.n_agents, root.kept[group]) or not _ascending(own, width):
                raise FederationError(
                    f"the units of {group!r} must be {root.kept[group]} different numbers from 0 to {width - 1} for "
                    "each agent, ascending."
                )

    def places(self, name: str, agent: int) -> tuple[Integers, ...]:
        """Return the index that takes an agent's elements out of the root's parameter `name`."""
        shape = self.root.shapes[name]
        along = [self._along(group, length, agent) for group, length in zip(self.root.groups[name], shape, strict=True)]
        return np.ix_(*along)

    def numbers(self, name: str, agent: int) -> Integers:
        """Return the flat index of each of an agent's elements in the root's parameter: of the agent's shape."""
        shape = self.root.shapes[name]
        numbered: Integers = np.arange(prod(shape), dtype=np.int64).reshape(shape)[self.places(name, agent)]
        return numbered

    def pool(self, name: str, arrays: Mapping[int, NDArray[Any]], weights: Mapping[int, float]) -> Pooled:
        """Return the sums of one array over the agents that count, in agent order.

        name: the parameter that the arrays belong to. arrays, weights: agent -> its own.
        """
        shape = self.root.shapes[name]
        total, weight = np.zeros(shape, np.float64), np.zeros(shape, np.float64)
        for agent, array in sorted(arrays.items()):
            held = self.places(name, agent)
            total[held] += weights[agent] * array.astype(np.float64)
            weight[held] += weights[agent]
        return Pooled(total, weight)

    def gather(self, pooled: Pooled, name: str, agent: int, own: NDArray[Any]) -> NDArray[Any]:
        """Return an agent's elements of the averages; where no agent has a weight, its own value. own: its array."""
        held = self.places(name, agent)
        total, weight = pooled.total[held], pooled.weight[held]
        found = own.astype(np.float64)
        np.divide(total, weight, out=found, where=weight > 0)
        return found.astype(own.dtype)

    def first(self, starts: Sequence[Mapping[str, NDArray[Any]]]) -> list[dict[str, NDArray[Any]]]:
        """Return each agent's first arrays: an element is that of its holder with the lowest number.

        starts: [agents], the arrays that each agent drew, of the same names.
        """
        own: list[dict[str, NDArray[Any]]] = [{} for _ in starts]
        for name in starts[0]:
            root = np.zeros(self.root.shapes[name], starts[0][name].dtype)
            for agent in reversed(range(len(starts))):
                root[self.places(name, agent)] = starts[agent][name]
            for agent, arrays in enumerate(own):
                arrays[name] = root[self.places(name, agent)]
        return own

    def distances(self, networks: Mapping[int, Mapping[str, NDArray[Any]]]) -> dict[str, float]:
        """Return the mean Euclidean distance of two agents over the elements that both hold, by parameter name.

        networks: agent -> its arrays, of the same names. Pairs without a common element are left out; 0 without any
        pair.
        """
        found: dict[str, float] = {}
        for name in next(iter(networks.values())):
            root = np.full((len(networks), *self.root.shapes[name]), np.nan)  # not a number where an agent holds none
            for row, (agent, arrays) in zip(root, networks.items(), strict=True):
                row[self.places(name, agent)] = arrays[name]
            apart = [(one - other)[np.isfinite(one) & np.isfinite(other)] for one, other in combinations(root, 2)]
            lengths = [float(np.sqrt(np.sum(np.square(pair)))) for pair in apart if pair.size]
            found[name] = float(np.mean(lengths)) if lengths else 0.0
        return found

    def gradient_places(self) -> GradientPlaces:
        """Return a place for each element of the root that an agent holds."""
        own: list[dict[str, NDArray[np.int32]]] = [{} for _ in range(self.n_agents)]
        first = 0
        for name in self.root.shapes:
            held = self._holders(name).ravel() > 0
            places = first + np.cumsum(held) - 1
            first += int(held.sum())
            for agent, mine in enumerate(own):
                mine[name] = places[self.numbers(name, agent)].astype(np.int32)
        return GradientPlaces(first, own)

    def part(self) -> float:
        """Return the share of the root's elements that each agent holds."""
        return sum(map(prod, self.root.held.values())) / self.root.size()

    def common(self) -> float:
        """Return the share of the root's elements that two or more agents hold."""
        return sum(int((self._holders(name) > 1).sum()) for name in self.root.shapes) / self.root.size()

    def _holders(self, name: str) -> NDArray[np.float64]:
        held: NDArray[Any] = np.ones(self.root.held[name])
        agents = range(self.n_agents)
        return self.pool(name, dict.fromkeys(agents, held), dict.fromkeys(agents, 1.0)).weight

    def _along(self, group: str | None, length: int, agent: int) -> Integers:
        """Return the indices of an agent's elements along one axis, block by block."""
        if group is None:
            return np.arange(length)
        width, own = self.root.widths[group], self.units[group][agent]
        return np.concatenate([block + own for block in range(0, length, width)])


def drawn_units(seed: int, purpose: str, index: int, group: str, width: int, kept: int) -> Integers:
    """Return `kept` of `width` units, each set of them equally probable: [kept], ascending.

    purpose, index, group: what the draw is for, which keys it with the seed.
    """
    permuted = seeds.generator(seed, f"{purpose} of {group}", index).permutation(width)
    return np.sort(permuted[:kept]).astype(np.int64)


def _ascending(units: Integers, width: int) -> bool:
    return bool((units >= 0).all() and (units < width).all() and (np.diff(units, axis=1) > 0).all())


def _unfit(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the network cannot be divided into sub-networks: {what}. Its `units` gives the group of hidden units along "
        "each axis of each parameter (docs/own_methods.md)."
    )
