"""FedProx (Li et al. 2020, arXiv 1812.06127, algorithm 2): a proximal term towards the round's first parameters.

Every agent minimises its own loss plus mu / 2 ||theta - theta_0||^2 over the shared parameters theta, where theta_0 are
the values that the server sent. The term's gradient is mu (theta - theta_0).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from fedqmix.networks.base import Parameters


class Proximal:
    """The proximal term of one round. mu: its weight, > 0."""

    def __init__(self, mu: float, online: Parameters, names: Iterable[str]) -> None:
        """Copy the current values of the named parameters: theta_0."""
        self._mu = mu
        self._start = {name: online[name].detach().clone() for name in names}

    @torch.no_grad()
    def add_gradient(self, online: Parameters) -> None:
        """Add mu (theta - theta_0) to the gradients of a stack's online parameters.

        The two operations are separate: a fused multiply-add may round differently at the end of a vectorised loop,
        and a stack of N would no longer equal N stacks of one.
        """
        for name, start in self._start.items():
            gradient = online[name].grad
            assert gradient is not None
            gradient += (online[name] - start) * self._mu
