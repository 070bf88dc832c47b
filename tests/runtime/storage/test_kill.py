"""kill -9 in the middle of a save leaves a store that loads, goes on, and cleans up."""

import os
import subprocess
import sys

from support.paths import python_path


def test_kill_at_every_change_to_the_file_system(tmp_path):
    path = python_path()
    command = [sys.executable, "-m", "support.killed_while_saving", str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    points = {name: int(number) for name, number in (line.split() for line in done.stdout.splitlines())}
    assert points["next_round"] > 15
    assert points["same_round"] > 10
    assert points["best"] > 8
    assert points["resuming"] > 2
    assert points["any_time"] > 2  # rounds reached although killed again and again
