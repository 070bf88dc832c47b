"""A tiny trained run, and a guard that ends a test which waits for ever."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from runtimes.cli import main

WORDS = ["experiment=smoke", "stop.env_steps=900", "evaluation.every_env_steps=200", "evaluation.episodes=4"]
PATIENCE_S = 120
"""After so many seconds a test hangs: reading a pipe or expanding a bomb goes on for minutes or for ever."""


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


@pytest.fixture(autouse=True)
def not_for_ever() -> Iterator[None]:
    """Fail a test that hangs."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("the command hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
