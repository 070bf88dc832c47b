"""Expected returns of blind-particle spread that need no simulation, as integrals.

The distance |Z| of a random point Z = (X, Y) with the real characteristic function phi has the expectation

    E|Z| = 1/(2 pi) * integral over all u of (1 - phi(u)) / |u|^3,

because the integral of (1 - cos(u z)) / |u|^3 is 2 pi |z| in the plane. Here phi is a product: a coordinate that is
uniform in [-a, a] has sin(a u) / (a u), and independent summands multiply. phi is the same in all eight octants.

An impulse of the velocity by 0.5 moves an agent by 0.2 (1 - 0.75^m) within m environment steps, so the displacement of
randomly acting agents is a sum of independent moves, whose factors are 1/5 + 2/5 cos(c u_x) + 2/5 cos(c u_y).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from fedqmix.envs.bps.layout import N_ACTIONS
from fedqmix.envs.bps.rules import AGENTS_REACH, KEPT, LANDMARKS_REACH, PUSH, REWARD, TIME_STEP
from fedqmix.runtime.core.world import Floats64

FARTHEST = 60.0  # largest |u|; beyond it, phi is below 1 / (9 * 60^2) and changes the distance by less than 1e-6
PANELS, NODES, ANGLES = 240, 16, 24  # of Gauss-Legendre's rule: panels of |u|, nodes in each, nodes of the angle


def expected_still(steps: int) -> float:
    """Return the expected return of an agent that never moves. steps: environment steps of the episode."""
    return REWARD * steps * _distance(_start(*_grid()))


def expected_random(steps: int) -> float:
    """Return the expected return of an agent whose actions are uniformly random."""
    return REWARD * sum(_distance(phi) for phi in _random_play(steps))


def distance_to_centre(groups: int) -> float:
    """Return the expected distance of a landmark from the mean of all landmarks, for two or more groups."""
    x, y = _grid()
    far, near = LANDMARKS_REACH * (1 - 1 / groups), LANDMARKS_REACH / groups
    return _distance(_uniform(far, x, y) * _uniform(near, x, y) ** (groups - 1))


EXPECTED: Mapping[str, Callable[[int], float]] = {"still": expected_still, "random": expected_random}
"""Policy -> the function from environment steps to an agent's expected return. A team's is that of N agents."""


def _random_play(steps: int) -> Iterator[Floats64]:
    """Yield phi of agent minus landmark after each environment step of random play."""
    x, y = _grid()
    phi = _start(x, y)
    for step in range(1, steps + 1):
        move = TIME_STEP * PUSH * (1 - KEPT**step) / (1 - KEPT)
        phi = phi * (1 + 2 * np.cos(move * x) + 2 * np.cos(move * y)) / N_ACTIONS
        yield phi


def _start(x: Floats64, y: Floats64) -> Floats64:
    return _uniform(AGENTS_REACH, x, y) * _uniform(LANDMARKS_REACH, x, y)


def _uniform(reach: float, x: Floats64, y: Floats64) -> Floats64:
    found: Floats64 = np.sinc(reach * x / np.pi) * np.sinc(reach * y / np.pi)
    return found


def _nodes(low: float, high: float, panels: int, nodes: int) -> tuple[Floats64, Floats64]:
    """Return the nodes and weights of Gauss-Legendre's rule on equal panels."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    width = (high - low) / panels
    middles = low + width * (np.arange(panels) + 0.5)
    return (middles[:, None] + width / 2 * points).ravel(), np.tile(width / 2 * weights, panels)


def _grid() -> tuple[Floats64, Floats64]:
    """Return u_x and u_y of the nodes: [radii, angles]."""
    radii, _ = _nodes(0.0, FARTHEST, PANELS, NODES)
    angles, _ = _nodes(0.0, np.pi / 4, 1, ANGLES)
    return radii[:, None] * np.cos(angles), radii[:, None] * np.sin(angles)


def _distance(phi: Floats64) -> float:
    """Return E|Z|: 4 / pi times the integral over radii and angles of one octant. phi: [radii, angles]."""
    radii, radius_weights = _nodes(0.0, FARTHEST, PANELS, NODES)
    _, angle_weights = _nodes(0.0, np.pi / 4, 1, ANGLES)
    inside = (radius_weights / radii**2) @ (1 - phi) @ angle_weights
    beyond = np.pi / 4 / FARTHEST  # of 1 / radius^2; phi's own part is below 1e-6
    return float(4 / np.pi * (inside + beyond))
