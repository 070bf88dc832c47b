"""PP-PPS (PPS-QMIX, arXiv 2403.02635): the weights of RS-PPS on the value part alone.

    phi = sum_i w_i phi_i for the shared (value) parameters phi;  psi_i stays with agent i for the representation psi

Which parameters are shared is a matter of their names (strategy.shared); by default the head of fc -> GRU -> head.
"""

from __future__ import annotations

from fedqmix.strategies.rs_pps import RewardSharePPS


class PartialPPS(RewardSharePPS):
    """RS-PPS whose messages name fewer parameters."""
