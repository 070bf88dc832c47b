"""The text cells of a report's tables: estimates, probabilities and numbers of environment steps."""

from __future__ import annotations

import math

from fedqmix.analysis.reports.results import Summary
from fedqmix.analysis.reports.statistics import ENOUGH, Estimate

NOTHING = "-"
INTERVALS = (
    f"From {ENOUGH} seeds on: interquartile mean over the seeds [95 % stratified bootstrap interval] (Agarwal et al. "
    "2021, arXiv 2108.13264); below: mean (least to greatest seed), as an interval would not be informative."
)


def rate(summary: Summary) -> str:
    """Return a summary as text: "0.710 [0.600, 0.800]", or "0.710 (0.600 to 0.800)" for few seeds."""
    if math.isnan(summary.value):
        return NOTHING
    if summary.enough:
        return f"{summary.value:.3f} [{summary.low:.3f}, {summary.high:.3f}]"
    if summary.seeds == 1 and summary.low == summary.high:
        return f"{summary.value:.3f}"
    return f"{summary.value:.3f} ({summary.low:.3f} to {summary.high:.3f})"


def chance(estimate: Estimate | None) -> str:
    """Return a probability as text, with its interval if it has one."""
    if estimate is None:
        return NOTHING
    if math.isnan(float(estimate.low)):
        return f"{float(estimate.value):.2f}"
    return f"{float(estimate.value):.2f} [{float(estimate.low):.2f}, {float(estimate.high):.2f}]"


def steps(number: float) -> str:
    """Return a number of environment steps as text, "not" for infinity."""
    return f"{number:,.0f}" if math.isfinite(number) else "not"
