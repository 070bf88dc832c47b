"""norm_clip: A-PPS in which no agent's update is longer than strategy.clip_update times the median of all.

theta = sum_i (1 / N) theta_i',    theta_i' as in strategies/clipping.py (Sun et al. 2019, arXiv 1911.07963)

An agent that sends a huge update moves the average no farther than an honest one does. It still moves it so far, in any
direction: the opposite of an honest update, of the same length, is not clipped. Reward weights combine with it:
strategy=rs_pps strategy.clip_update=1.
"""

from __future__ import annotations

from fedqmix.strategies.a_pps import AveragePPS


class NormClip(AveragePPS):
    """A-PPS; what differs is the default of clip_update (conf/strategy/norm_clip.yaml)."""
