"""full_sharing: one network for all agents in every step, the classic QMIX baseline (arXiv 1803.11485).

All agents start from one network and take every step with the team's summed gradient, so they stay one network; the
round's average then only confirms it.
"""

from __future__ import annotations

from fedqmix.strategies.a_pps import AveragePPS


class FullSharing(AveragePPS):
    """A-PPS whose agents also share every gradient."""

    tie_gradients = True
