"""Worlds of game processes keep the World contract, but for episodes that depend on the games' own random numbers."""

from __future__ import annotations

import os
import sys

import pytest

from fedqmix.envs.maps import load_map
from fedqmix.envs.smac.world import SmacWorld
from fedqmix.runtime.core.world import TeamSink, World
from fedqmix.testing import WorldContract
from support.game_team import WORKER
from support.worlds import smac_options


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    """Games find what this process finds, and none of them outlives its test's worlds."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


class TestGames(WorldContract):
    repeatable = False

    def make(self, sink: TeamSink, seed: int = 0, threads: int = 1) -> World:
        return SmacWorld(load_map("3m"), seed, smac_options(games=2), sink, WORKER)
