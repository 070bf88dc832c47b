"""FedProx (Li et al. 2020, arXiv 1812.06127, algorithm 2): local training is pulled back to where its round began.

Every agent minimises its own loss plus mu / 2 ||theta - theta_0||^2 over the shared parameters theta, where theta_0 are
the values that the server sent it. Their gradient is mu (theta - theta_0).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from fedqmix.networks.base import Parameters


class Proximal:
    """The proximal term of one round. mu: its weight, > 0."""

    def __init__(self, mu: float, online: Parameters, names: Iterable[str]) -> None:
        """Keep the values of the named parameters, as they are now: theta_0."""
        self._mu = mu
        self._start = {name: online[name].detach().clone() for name in names}

    @torch.no_grad()
    def add_gradient(self, online: Parameters) -> None:
        """Add mu (theta - theta_0) to the gradients of a stack's online parameters.

        One operation after the other: a multiplication and an addition in one may round differently where a
        vectorised loop ends, and a stack of N would no longer be N stacks of one.
        """
        for name, start in self._start.items():
            gradient = online[name].grad
            assert gradient is not None
            gradient += (online[name] - start) * self._mu
