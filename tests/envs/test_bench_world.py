"""`analysis.benchmarks.world.measure` returns what `fedqmix bench world` prints."""

from __future__ import annotations

import json

import pytest

from fedqmix.analysis.benchmarks.world import measure
from fedqmix.runtime.core.errors import ConfigurationError


def test_figures_for_every_map_and_batch() -> None:
    result = measure(["3m", "5m_vs_6m"], (1, 4), threads=2, seconds=0.02)
    assert json.loads(json.dumps(result)) == result
    assert {name: list(figures) for name, figures in result["env_steps_per_second"].items()} == {
        "3m": ["1", "4"],
        "5m_vs_6m": ["1", "4"],
    }
    assert all(value > 0 for figures in result["env_steps_per_second"].values() for value in figures.values())
    assert {"machine", "versions", "command", "first_step_seconds", "threads"} <= set(result)


def test_an_unknown_map_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'3M'.*'3m'"):
        measure(["3M"], (1,), threads=1, seconds=0.02)
