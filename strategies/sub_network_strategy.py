"""The base class of strategies whose agents hold sub-networks of one root network (strategies/sub_networks.py).

The server draws which units an agent holds, so that only it knows the places of the agents' elements in the root. An
agent's networks are ordinary ones of fewer units (runtime.configuration.agent_model), and messages hold nothing else.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from fedqmix.runtime.core.array_names import parameter_of
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.aggregation import require_alike
from fedqmix.strategies.beside import online
from fedqmix.strategies.method import GradientPlaces
from fedqmix.strategies.mixing import team_record
from fedqmix.strategies.options import SubNetworkSettings
from fedqmix.strategies.sub_networks import RootNetwork, SubNetworks, Units


class SubNetworkStrategy(AveragePPS):
    """A strategy whose agents hold sub-networks: `draw_units` decides which units of the root each agent holds."""

    settings: SubNetworkSettings
    _root: RootNetwork | None = None
    _held: SubNetworks | None = None

    def divide(self, root: RootNetwork) -> None:
        """Set the root network; the builder of the strategy calls it before the first round."""
        self._root = root

    @abstractmethod
    def draw_units(self, widths: Mapping[str, int], kept: Mapping[str, int]) -> Units:
        """Return the units that each agent holds, from draws that are keyed by the run's seed.

        widths: the number of units of each group of hidden units in the root; kept: the number that an agent holds.
        Returns, for each group, the units of the root in ascending order: [agents, kept].
        """

    @property
    def sub_networks(self) -> SubNetworks:
        """The agents' sub-networks, drawn when they are first needed. Raises FederationError without a root."""
        if self._held is None:
            if self._root is None:
                raise FederationError("the strategy has no root network: call its `divide` first.")
            self._held = SubNetworks(self._root, self.draw_units(self._root.widths, self._root.kept))
        return self._held

    def join(self, grid: Grid) -> ArrayRecord:
        """Ask all nodes for their agent index; return the team's first shared parameters.

        An element of the root begins as its holder with the lowest number drew it: agent 0's whole sub-network, and
        what the others add to it. Raises FederationError as `TeamStrategy.join` does, and when the agents' parameters
        are not of the sub-networks' shapes.
        """
        super().join(grid)
        for agent, start in enumerate(self.starts):
            self._require_held(agent, start)
        self.announce(self.described())
        first = self.sub_networks.first([_numbers(start) for start in self.starts])
        return team_record([{name: Array(value) for name, value in own.items()} for own in first])

    def mixed(
        self, contents: Mapping[int, ArrayRecord], rewards: Mapping[int, float], sent: Sequence[ArrayRecord]
    ) -> ArrayRecord:
        """Return the agents' elements of the averages over their holders; see `TeamStrategy.mixed`."""
        require_alike(list(contents.values()))
        weights = dict(zip(contents, self.weights(list(rewards.values())), strict=True))
        own = [contents.get(agent, begun) for agent, begun in enumerate(sent)]
        aggregates: list[dict[str, Array]] = [{} for _ in sent]
        parts = self.sub_networks
        shares: dict[int, list[float]] = {agent: [] for agent in contents}
        for name in next(iter(contents.values())):
            of = parameter_of(name)
            pooled = parts.pool(of, {agent: content[name].numpy() for agent, content in contents.items()}, weights)
            for agent, arrays in enumerate(aggregates):
                arrays[name] = Array(parts.gather(pooled, of, agent, own[agent][name].numpy()))
            if name == of:
                for agent in contents:
                    weight = pooled.weight[parts.places(of, agent)]
                    shares[agent].append(float(np.sum(weights[agent] / weight[weight > 0])))
        totals = [math.fsum(own) for own in shares.values()]  # a resumed run's arrays come in another order
        self.record.weights = [total / (math.fsum(totals) or 1.0) for total in totals]
        return team_record(aggregates)

    def gradient_places(self) -> GradientPlaces | None:
        """Return a place for each element of the root that an agent holds, with strategy.every_step; see Method."""
        return self.sub_networks.gradient_places() if self.settings.every_step else None

    def distances(self, contents: Mapping[int, ArrayRecord]) -> dict[str, float]:
        """Return the mean distance of two agents over the elements that both hold, by parameter name."""
        return self.sub_networks.distances({agent: _numbers(online(content)) for agent, content in contents.items()})

    def figures(self) -> Mapping[str, Any]:
        """Return the units that each agent holds, and the shares of the root that one and several agents hold.

        They are known once the agents have joined; a run may end before.
        """
        if (parts := self._held) is None:
            return super().figures()
        return {
            **super().figures(),
            "keep": self.settings.keep,
            "widths": dict(parts.root.widths),
            "units": {group: [" ".join(map(str, own)) for own in units] for group, units in parts.units.items()},
            "root_parameters": parts.root.size(),
            "held_share": parts.part(),
            "common_share": parts.common(),
        }

    def described(self) -> str:
        """Return a line for the user: the sizes of the sub-networks."""
        parts = self.sub_networks
        units = ", ".join(f"{kept} of {parts.root.widths[group]} {group}" for group, kept in parts.root.kept.items())
        return (
            f"each agent holds {units} units: {parts.part():.1%} of the root network's {parts.root.size():,} "
            f"parameters. {parts.common():.1%} are held by several agents."
        )

    def _require_held(self, agent: int, start: ArrayRecord) -> None:
        for name, array in start.items():
            if (expected := self.sub_networks.root.held.get(name)) != tuple(array.shape):
                wanted = "is not of the root network" if expected is None else f"{list(expected)} is needed"
                raise FederationError(
                    f"agent {agent} begins with {name} of shape {list(array.shape)}; {wanted} (strategy.keep, model.*)."
                )


def _numbers(arrays: ArrayRecord) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(array.numpy()) for name, array in arrays.items()}
