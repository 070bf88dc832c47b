"""The arithmetic of aggregation: weights from rewards, and the weighted sum of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def uniform(n: int) -> list[float]:
    """Return 1/N for each agent (A-PPS; McMahan et al. 2017 with equal amounts of data)."""
    return [1 / n] * n


def by_examples(examples: Sequence[int]) -> list[float]:
    """Return n_i / sum n (McMahan et al. 2017, algorithm 1).

    examples: the episodes that each agent played; at least one is positive.
    """
    total = sum(examples)
    return [own / total for own in examples]


def are_shares(rewards: Sequence[float]) -> bool:
    """Return whether rewards define shares R_i / sum R: all are finite, none is negative, and one is positive."""
    return are_finite(rewards) and min(rewards) >= 0 and max(rewards) > 0


def are_finite(rewards: Sequence[float]) -> bool:
    """Return whether all rewards are finite."""
    return all(math.isfinite(reward) for reward in rewards)


def proportional(rewards: Sequence[float], max_weight: float) -> list[float]:
    """Return R_i / sum R (RS-PPS), capped at max_weight; a cap below 1/N is raised to 1/N.

    Rewards that define no shares (`are_shares`) give uniform weights.
    """
    if not are_shares(rewards):
        return uniform(len(rewards))
    highest = max(rewards)
    # In units of the highest reward, so that equal rewards give exactly 1/N and no sum overflows.
    shares = [reward / highest for reward in rewards]
    total = math.fsum(shares)
    return capped([share / total for share in shares], max_weight)


def softmax(rewards: Sequence[float], max_weight: float) -> list[float]:
    """Return exp(R_i) / sum exp(R), capped as in `proportional`; uniform weights unless all rewards are finite.

    The authors' code uses it for policy returns.
    """
    if not are_finite(rewards):
        return uniform(len(rewards))
    highest = max(rewards)
    powers = [math.exp(reward - highest) for reward in rewards]
    total = math.fsum(powers)
    return capped([power / total for power in powers], max_weight)


def capped(weights: Sequence[float], max_weight: float) -> list[float]:
    """Cut weights at max_weight (at least 1/N); the others share the excess in proportion.

    weights: [agents], >= 0, sum 1. Returns weights <= the cap with sum 1; permuting the agents permutes them.
    """
    n = len(weights)
    cap = max(max_weight, 1 / n)
    held: set[int] = set()
    result = list(weights)
    while any(result[i] > cap for i in range(n) if i not in held):
        held |= {i for i in range(n) if result[i] > cap}
        free = 1 - cap * len(held)
        rest = math.fsum(sorted(weights[i] for i in range(n) if i not in held))
        others = n - len(held)
        result = [
            cap if i in held else (free * (weights[i] / rest) if rest > 0 else free / max(others, 1)) for i in range(n)
        ]
    return result


def weighted_sum(arrays: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return sum_i w_i a_i in agent order and float64, for any order of replies."""
    total = np.zeros(arrays[0].shape, np.float64)
    for array, weight in zip(arrays, weights, strict=True):
        total += weight * array.astype(np.float64)
    return total.astype(arrays[0].dtype)
