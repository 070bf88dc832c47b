"""A tiny trained run. (A test that waits for ever is ended by pytest-timeout, as all are.)"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main

WORDS = ["experiment=smoke", "stop.env_steps=900", "evaluation.every_env_steps=200", "evaluation.episodes=4"]


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("once") / "run"
    assert main(["train", *WORDS, f"run_dir='{folder}'"]) == 0
    return folder


@pytest.fixture
def run(trained_once: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be damaged."""
    return Path(shutil.copytree(trained_once, tmp_path / "place" / "run"))
