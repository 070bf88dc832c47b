"""full_sharing: one network for all agents at every training step, the classic QMIX baseline (arXiv 1803.11485).

All agents start from one network and take every training step with the team's summed gradient, so their networks stay
equal. The average at the round's end leaves them as they are.
"""

from __future__ import annotations

from fedqmix.strategies.a_pps import AveragePPS


class FullSharing(AveragePPS):
    """A-PPS in which agents also share every gradient."""

    tie_gradients = True
