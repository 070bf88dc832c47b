"""Target networks and Adam moments, aggregated with the weights of the shared parameters.

Training messages carry them under the names of runtime.core.array_names, and the strategy keeps them between rounds.
Flower's arrays and the messages of evaluations and policies hold the parameters alone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from flwr.app import Array, ArrayRecord

from fedqmix.runtime.core.array_names import EXP_AVG, EXP_AVG_SQ, PREFIXES, TARGET, online_names


class BesideSettings(Protocol):
    """The settings that select these arrays (implemented by conf.schema.StrategyConfig)."""

    adam_moments: str
    share_targets: bool


class Beside:
    """The aggregated target networks and moments.

    arrays: by name, as aggregated at the end of the last round; empty before the first aggregation.
    """

    def __init__(self, settings: BesideSettings) -> None:
        moments = [EXP_AVG, EXP_AVG_SQ] if settings.adam_moments == "average" else []
        self._prefixes = ([TARGET] if settings.share_targets else []) + moments
        self.arrays: dict[str, Array] = {}

    def put_to(self, sent: ArrayRecord) -> ArrayRecord:
        """Return an agent's parameters with the target networks and moments of the same names.

        Before the first aggregation, target networks are copies of the parameters, and moments are zero.
        """
        whole = dict(sent)
        for prefix in self._prefixes:
            for name, value in sent.items():
                whole[prefix + name] = self.arrays[prefix + name] if self.arrays else _first(prefix, value)
        return ArrayRecord(whole)

    def take_from(self, aggregate: ArrayRecord) -> ArrayRecord:
        """Store the aggregate's target networks and moments; return its parameters."""
        self.arrays = {name: array for name, array in aggregate.items() if name.startswith(PREFIXES)}
        return online(aggregate)


def online(arrays: ArrayRecord) -> ArrayRecord:
    """Return the online networks' parameters."""
    return ArrayRecord({name: arrays[name] for name in online_names(arrays)})


def _first(prefix: str, value: Array) -> Array:
    return value if prefix == TARGET else Array(np.zeros_like(value.numpy()))
