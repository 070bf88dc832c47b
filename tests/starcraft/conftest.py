"""StarCraft II as the tests have it: a stand-in that unmodified pysc2 launches."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def starcraft_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in is laid out like an installation of StarCraft II."""
    pytest.importorskip("pysc2", reason="pysc2 is not installed")
    from stand_in_install import install

    return install(tmp_path_factory.mktemp("StarCraftII"))


@pytest.fixture
def starcraft(starcraft_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SC2PATH points at the stand-in, and nothing goes wrong in it on purpose; returns the folder."""
    monkeypatch.setenv("SC2PATH", str(starcraft_folder))
    for name in list(os.environ):
        if name.startswith("FEDQMIX_STAND_IN_"):
            monkeypatch.delenv(name)
    return starcraft_folder
