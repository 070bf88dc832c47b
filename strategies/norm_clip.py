"""norm_clip: A-PPS whose updates are clipped at strategy.clip_update times the median norm.

theta = sum_i (1 / N) theta_i',    theta_i' as in strategies/clipping.py (Sun et al. 2019, arXiv 1911.07963)

An agent with a huge update moves the average no farther than an honest agent does, but in any direction: the negative
of an honest update has the same norm and is not clipped. Reward weights can be clipped as well:
strategy=rs_pps strategy.clip_update=1.
"""

from __future__ import annotations

from fedqmix.strategies.a_pps import AveragePPS


class NormClip(AveragePPS):
    """A-PPS with a different default of clip_update (conf/strategy/norm_clip.yaml)."""
