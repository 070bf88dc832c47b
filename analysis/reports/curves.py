"""Curves of several seeds on a common grid, with interquartile means and intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fedqmix.analysis.reports.runs import Run
from fedqmix.analysis.reports.statistics import Estimate, Scores, iqm_interval

POINTS = 101


class Curve(NamedTuple):
    """The curves of several seeds on a common grid.

    places: [points], x-values; values: [seeds, points].
    """

    places: Scores
    values: Scores

    def estimate(self) -> Estimate:
        """Return the interquartile mean over the seeds and its bootstrap interval: [points] each."""
        return iqm_interval([self.values])


def together(runs: Sequence[Run], of: Callable[[Run], Scores], along: Callable[[Run], Scores]) -> Curve | None:
    """Interpolate several seeds' curves linearly on a common grid of POINTS.

    of, along: y- and x-values of one run, [evaluations]. The grid begins at the latest first and ends at the earliest
    last evaluation, so that every point has all seeds. Returns None when the seeds have no common range.
    """
    axes = [along(run) for run in runs]
    begin, end = max(axis[0] for axis in axes), min(axis[-1] for axis in axes)
    if end <= begin:
        return None
    places = np.linspace(begin, end, POINTS)
    return Curve(places, np.stack([np.interp(places, axis, of(run)) for run, axis in zip(runs, axes, strict=True)]))
