"""Curves of several seeds on common places, with the interquartile mean and its interval at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fedqmix.analysis.reports.runs import Run
from fedqmix.analysis.reports.statistics import Estimate, Scores, iqm_interval

POINTS = 101


class Curve(NamedTuple):
    """places: [points]; values: [seeds, points]."""

    places: Scores
    values: Scores

    def estimate(self) -> Estimate:
        """Return the interquartile mean over the seeds with its bootstrap interval, [points] each."""
        return iqm_interval([self.values])


def together(runs: Sequence[Run], of: Callable[[Run], Scores], along: Callable[[Run], Scores]) -> Curve | None:
    """Put several seeds' curves on POINTS common places, linear between evaluations.

    of, along: values and places of one run, [evaluations]. The places go from the latest first to the earliest last
    evaluation, so that each has all seeds. None when the seeds have no range in common.
    """
    axes = [along(run) for run in runs]
    begin, end = max(axis[0] for axis in axes), min(axis[-1] for axis in axes)
    if end <= begin:
        return None
    places = np.linspace(begin, end, POINTS)
    return Curve(places, np.stack([np.interp(places, axis, of(run)) for run, axis in zip(runs, axes, strict=True)]))
