"""PP-PPS (PPS-QMIX, arXiv 2403.02635): the weights of RS-PPS on the value layers alone.

    phi = sum_i w_i phi_i for the shared (value) parameters phi;  psi_i stays with agent i for the representation psi

strategy.shared names the shared parameters; by default the head of fc -> GRU -> head.
"""

from __future__ import annotations

from fedqmix.strategies.rs_pps import RewardSharePPS


class PartialPPS(RewardSharePPS):
    """RS-PPS with fewer shared parameters."""
