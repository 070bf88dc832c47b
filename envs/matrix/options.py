"""The settings of env=matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedqmix.conf.fields import words
from fedqmix.conf.schema import EnvConfig


@dataclass
class MatrixOptions(EnvConfig):
    """The settings of matrix games."""

    payoffs: Any = words(
        "null, or lists of numbers such as [[8,-12],[-12,0]], nested as deep as there are agents",
        doc="map=own: the team reward of each joint action, first by agent 0's action",
    )
