"""StarCraft II as the tests have it: a stand-in that unmodified pysc2 launches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.launched_game import LaunchedGame


@pytest.fixture(scope="session")
def starcraft_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in is laid out like an installation of StarCraft II."""
    pytest.importorskip("pysc2.run_configs", reason="pysc2, or something that it needs, is not installed")
    pytest.importorskip("s2clientprotocol", reason="the game's protocol (pys2clientprotocol) is not installed")
    pytest.importorskip("websockets", reason="websockets, which the stand-in for the game needs, is not installed")
    from support.stand_in_install import install

    return install(tmp_path_factory.mktemp("StarCraftII"))


@pytest.fixture
def starcraft(starcraft_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SC2PATH points at the stand-in, and nothing goes wrong in it on purpose; returns the folder."""
    monkeypatch.setenv("SC2PATH", str(starcraft_folder))
    for name in list(os.environ):
        if name.startswith("FEDQMIX_STAND_IN_"):
            monkeypatch.delenv(name)
    return starcraft_folder


@pytest.fixture
def launch(tag: str, starcraft: Path) -> Iterator[Callable[[], LaunchedGame]]:
    """Launches games with pysc2; none outlives the test."""
    from support.launched_game import LaunchedGame

    launched = []

    def one() -> LaunchedGame:
        launched.append(LaunchedGame())
        return launched[-1]

    yield one
    for game in launched:
        game.process.close()


@pytest.fixture(scope="module")
def launched_once(starcraft_folder: Path) -> Iterator[LaunchedGame]:
    """A launched game for the tests of a file: starting one takes two seconds."""
    from support.launched_game import LaunchedGame

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SC2PATH", str(starcraft_folder))
        game = LaunchedGame()
    yield game
    game.process.close()


@pytest.fixture
def game(launched_once: LaunchedGame) -> Iterator[LaunchedGame]:
    """A launched game in which nothing is created yet."""
    assert launched_once.status == "launched"
    yield launched_once
    if launched_once.status == "init_game":
        launched_once.join()
    if launched_once.status != "launched":
        launched_once.controller.leave()
