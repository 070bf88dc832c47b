"""Games that unmodified pysc2 launches with the parent-death signal: none outlives the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from support.tagged import command_line, eventually, gone

pytest.importorskip("pysc2", reason="pysc2 is not installed")

OWNER = """
import sys, time
from fedqmix.envs.smac import guarded_game
from support.launched_game import LaunchedGame
game = LaunchedGame().begin("3m")
print(game.process.pid, len(game.units(1)), flush=True)
if sys.argv[1] == "close":
    game.process.close()
time.sleep(600)
"""


def start(how: str) -> tuple[subprocess.Popen[str], psutil.Process, int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    owner = subprocess.Popen([sys.executable, "-c", OWNER, how], stdout=subprocess.PIPE, text=True, env=environment)
    game, marines = (int(word) for word in owner.stdout.readline().split())
    return owner, psutil.Process(game), marines


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_game_dies_with_who_started_it(starcraft, tag):
    owner, game, marines = start("wait")
    with owner:
        assert marines == 3
        assert "stand_in_game.py" in command_line(game)
        assert not gone(game)
        owner.send_signal(signal.SIGKILL)
    assert eventually(lambda: gone(game))


@pytest.mark.slow
def test_pysc2_ends_a_game_with_the_signal_as_any_other(starcraft, tag):
    owner, game, _ = start("close")
    with owner:
        assert eventually(lambda: gone(game))
        owner.send_signal(signal.SIGKILL)
