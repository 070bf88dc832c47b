"""A strategy with element-wise masks and with buffers, small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.mixing import Mask
from fedqmix.strategies.options import OwnSettings

FIRST_ROUND = 1


class Halves(AveragePPS):
    """Agents of even number hold the elements of even index and the first one, the others those of odd index and it.

    So the first element is everybody's, and every other one is held by half of the team. An agent is sent its masks
    before its first training, to be kept. strategy.clusters=[[2],[0],[1]] names the agents anew: agent 0 counts as 2.
    """

    settings: OwnSettings

    def masks(self, name: str, shape: tuple[int, ...]) -> Mask | None:
        """See Method; head.bias is everybody's."""
        if name == "head.bias":
            return None
        index = np.arange(int(np.prod(shape))).reshape(shape)
        return np.stack([(index % 2 == number % 2) | (index == 0) for number in self.numbers()])

    def buffers(self, agent: int, round_: int) -> Mapping[str, NDArray[Any]]:
        """See Method."""
        if round_ != FIRST_ROUND:
            return {}
        masks = {name: self.masks(name, tuple(array.shape)) for name, array in self.starts[agent].items()}
        return {f"mask.{name}": mask[agent] for name, mask in masks.items() if mask is not None}

    def numbers(self) -> list[int]:
        """Return each agent's number."""
        given = self.settings.clusters
        return list(range(self.n_agents)) if given is None else [number for (number,) in given]
