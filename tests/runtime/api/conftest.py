"""One trained run for the tests of the Python API."""

from __future__ import annotations

import pytest

import fedqmix

WORDS = ("experiment=smoke", "map=3m", "seed=3", "strategy=a_pps", "evaluation.starts=both", "checkpoint.keep=3")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> fedqmix.Run:
    """A run of some seconds, never changed by a test."""
    folder = tmp_path_factory.mktemp("api") / "runs" / "first"
    return fedqmix.train(*WORDS, f"run_dir='{folder}'", progress=False)
