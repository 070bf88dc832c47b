"""Target networks and Adam moments, aggregated with the weights of the shared parameters.

Training messages carry them under the names of runtime.core.array_names, and the strategy keeps them between rounds.
Flower's arrays and the messages of evaluations and policies hold the parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from flwr.app import Array, ArrayRecord

from fedqmix.runtime.core.array_names import EXP_AVG, EXP_AVG_SQ, PREFIXES, TARGET, online_names
from fedqmix.runtime.core.team_arrays import of_agent, plain_name


class BesideSettings(Protocol):
    """The settings that select these arrays (implemented by conf.schema.StrategyConfig)."""

    adam_moments: str
    share_targets: bool


class Beside:
    """The aggregated target networks and moments.

    arrays: the team's, by the names of runtime.core.team_arrays, as aggregated at the end of the last round; empty
    before the first aggregation.
    """

    def __init__(self, settings: BesideSettings) -> None:
        moments = [EXP_AVG, EXP_AVG_SQ] if settings.adam_moments == "average" else []
        self._prefixes = ([TARGET] if settings.share_targets else []) + moments
        self.arrays: dict[str, Array] = {}

    def put_to(self, sent: Mapping[str, Array], agent: int) -> ArrayRecord:
        """Return an agent's parameters with its target networks and moments of the same names.

        Before the first aggregation, target networks are copies of the parameters, and moments are zero.
        """
        whole, own = dict(sent), of_agent(self.arrays, agent)
        for prefix in self._prefixes:
            for name, value in sent.items():
                whole[prefix + name] = own[prefix + name] if own else _first(prefix, value)
        return ArrayRecord(whole)

    def take_from(self, aggregate: ArrayRecord) -> ArrayRecord:
        """Store a team's target networks and moments; return its parameters."""
        self.load(aggregate)
        return ArrayRecord({name: array for name, array in aggregate.items() if name not in self.arrays})

    def load(self, named: Mapping[str, Array]) -> None:
        """Store the target networks and moments among a team's arrays; the others are ignored."""
        self.arrays = {name: array for name, array in named.items() if plain_name(name).startswith(PREFIXES)}


def online(arrays: ArrayRecord) -> ArrayRecord:
    """Return the online networks' parameters."""
    return ArrayRecord({name: arrays[name] for name in online_names(arrays)})


def _first(prefix: str, value: Array) -> Array:
    return value if prefix == TARGET else Array(np.zeros_like(value.numpy()))
