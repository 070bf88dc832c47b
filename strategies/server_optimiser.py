"""Server optimisers: the aggregated update is the pseudo-gradient of a server-side step.

x_t are the parameters at the start of round t, a_t is the aggregate at its end, Delta_t = a_t - x_t.

    none      x_{t+1} = a_t
    momentum  u_t = beta u_{t-1} - Delta_t            x_{t+1} = x_t - rate u_t        (u of the first round: -Delta)
    adam      m_t = beta_1 m_{t-1} + (1 - beta_1) Delta_t       v_t = beta_2 v_{t-1} + (1 - beta_2) Delta_t^2
              x_{t+1} = x_t + eta_t m_t / (sqrt(v_t) + tau)
              eta_t = eta sqrt(1 - beta_2^(t+1)) / (1 - beta_1^(t+1))

momentum is FedAvgM (Hsu et al. 2019, arXiv 1909.06335). adam is FedAdam (Reddi et al. 2021, arXiv 2003.00295,
algorithm 2) with Flower's corrected learning rate eta_t. Flower's classes do the arithmetic: each is passed our
aggregate as the one reply of a round, whose average is itself. Their moments are set and read as public attributes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp.strategy import FedAdam, FedAvgM
from numpy.typing import NDArray

from fedqmix.runtime.core.errors import DivergenceError, FederationError
from fedqmix.strategies.flower_arithmetic import through

Arrays = Mapping[str, NDArray[Any]]


class ServerSettings(Protocol):
    """The settings of server optimisers (implemented by conf.schema.StrategyConfig)."""

    server_optimiser: str
    server_learning_rate: float
    server_momentum: float
    server_adam_eta: float
    server_adam_beta_1: float
    server_adam_beta_2: float
    server_adam_tau: float


class ServerOptimiser(ABC):
    """An optimiser of the shared parameters, which takes one step at the end of every round."""

    def __init__(self) -> None:
        self._moments: dict[str, NDArray[Any]] = {}

    def step(self, round_: int, start: ArrayRecord, aggregate: ArrayRecord) -> ArrayRecord:
        """Return the next round's first parameters, with the aggregate's names, shapes and types.

        round_: number of the round, from 1. start: the parameters at its start. aggregate: the aggregate at its end.
        Raises FederationError when start and aggregate have different names, DivergenceError when a new parameter is
        not finite.
        """
        if set(start) != set(aggregate):
            began, ended = ", ".join(start), ", ".join(aggregate)
            raise FederationError(f"agents returned {ended} in round {round_}, which began with {began}")
        moved = self._step(round_, ArrayRecord({name: start[name] for name in aggregate}), aggregate)
        following = {}
        for name, array in aggregate.items():
            value = moved[name].numpy().astype(array.dtype)  # numpy's learning rate turns float32 into float64
            if not np.isfinite(value).all():
                raise DivergenceError(f"{name} after the step of strategy.server_optimiser", f"round {round_}")
            following[name] = Array(value)
        return ArrayRecord(following)

    @abstractmethod
    def _step(self, round_: int, start: ArrayRecord, aggregate: ArrayRecord) -> ArrayRecord:
        """Return the next parameters, in any floating-point type.

        start, aggregate: with names in the same order.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the moments as named arrays for a checkpoint; empty before the first step."""
        return dict(self._moments)

    def load_state(self, named: Arrays) -> None:
        """Load the moments that `state` returned."""
        self._moments = dict(named)

    def _of(self, moment: str, names: ArrayRecord) -> dict[str, NDArray[Any]] | None:
        """Return one moment by parameter name, in the order of `names`; None before the first step."""
        return {name: self._moments[f"{moment}.{name}"] for name in names} if self._moments else None


class Momentum(ServerOptimiser):
    """FedAvgM. With a learning rate of 1 and a momentum of 0 it is FedAvg, bit for bit."""

    def __init__(self, learning_rate: float, momentum: float) -> None:
        super().__init__()
        self._flower = FedAvgM(server_learning_rate=learning_rate, server_momentum=momentum)

    def _step(self, round_: int, start: ArrayRecord, aggregate: ArrayRecord) -> ArrayRecord:
        velocity = self._of("momentum", aggregate)
        self._flower.current_arrays = start
        self._flower.momentum_vector = None if velocity is None else list(velocity.values())
        moved, _ = through(self._flower, round_, [aggregate])
        if (vector := self._flower.momentum_vector) is not None:
            self._moments = {f"momentum.{name}": value for name, value in zip(aggregate, vector, strict=True)}
        return moved


class Adam(ServerOptimiser):
    """FedAdam."""

    def __init__(self, eta: float, beta_1: float, beta_2: float, tau: float) -> None:
        super().__init__()
        self._flower = FedAdam(eta=eta, beta_1=beta_1, beta_2=beta_2, tau=tau)

    def _step(self, round_: int, start: ArrayRecord, aggregate: ArrayRecord) -> ArrayRecord:
        flower = self._flower
        flower.current_arrays = {name: array.numpy() for name, array in start.items()}
        flower.m_t, flower.v_t = self._of("m", aggregate), self._of("v", aggregate)
        moved, _ = through(flower, round_, [aggregate])
        of = {"m": flower.m_t or {}, "v": flower.v_t or {}}
        self._moments = {f"{moment}.{name}": value for moment, named in of.items() for name, value in named.items()}
        return moved


def server_optimiser(settings: ServerSettings) -> ServerOptimiser | None:
    """Return the configured optimiser; None when rounds begin with the aggregate itself."""
    if settings.server_optimiser == "momentum":
        return Momentum(settings.server_learning_rate, settings.server_momentum)
    if settings.server_optimiser == "adam":
        betas = settings.server_adam_beta_1, settings.server_adam_beta_2
        return Adam(settings.server_adam_eta, *betas, settings.server_adam_tau)
    return None
