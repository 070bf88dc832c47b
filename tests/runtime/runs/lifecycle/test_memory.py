"""Freed memory stays with the process: a tensor that is allocated again is not cleared page by page again."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

COUNT_FAULTS = """
import resource, sys, torch
from fedqmix.runtime.runs.lifecycle.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(30):  # until the heap has settled
    torch.ones(16 * 2**20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, way], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_pages_are_not_faulted_in_again() -> None:
    assert faults("kept") * 10 < faults("default")


LEFT_BEHIND = """
import gc, sys, weakref
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.runs.local import team
made, begin = [], team.LocalTeam.__init__
def noted(self, *arguments, **options):
    made.append(weakref.ref(self))
    begin(self, *arguments, **options)
team.LocalTeam.__init__ = noted
for number in range(2):
    assert main(["train", "experiment=smoke", "stop.rounds=1", f"run_dir={sys.argv[1]}/{number}"]) == 0
gc.collect()
assert len(made) == 2
print([one() is None for one in made])
"""


def test_a_run_that_has_ended_leaves_no_team_in_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["[True, True]"], done.stdout + done.stderr
