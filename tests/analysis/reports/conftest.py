"""Two tiny runs of different strategies, and their report, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main

TINY = ["experiment=smoke", "stop.env_steps=900", "evaluation.every_env_steps=200", "evaluation.episodes=4"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runs rs_pps and pp_pps."""
    folder = tmp_path_factory.mktemp("trained")
    for strategy in ("rs_pps", "pp_pps"):
        assert main(["train", *TINY, f"strategy={strategy}", f"run_dir='{folder / strategy}'"]) == 0
    return folder


@pytest.fixture(scope="session")
def reported(trained: Path) -> Path:
    """The folder that their report was written into."""
    assert main(["report", str(trained), f"out={trained / 'out'}", "episodes=5"]) == 0
    return trained / "out"
