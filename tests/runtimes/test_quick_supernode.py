"""What we shorten in Flower's SuperNode is still there to be shortened."""

import importlib
import inspect
import subprocess
import sys
from importlib import metadata

from runtimes.flower import quick_supernode


def test_it_was_written_for_this_version_of_flower() -> None:
    assert metadata.version("flwr").startswith(("1.41.", "1.42."))


def test_the_names_it_replaces_are_used_by_flower() -> None:
    loop = inspect.getsource(importlib.import_module("flwr.supernode.start_client_internal"))
    for seconds in quick_supernode.SHORTER:
        assert f"time.sleep({seconds})" in loop
    assert f'["{quick_supernode.SUPEREXEC}"]' in loop
    assert "subprocess.Popen(command)" in loop
    assert "with _init_connection(" in loop
    starts = inspect.getsource(importlib.import_module("flwr.supercore.superexec.run_superexec"))
    assert "executor = get_executor(" in starts


def test_the_superexec_is_ours_and_other_programs_are_left_alone() -> None:
    ours = quick_supernode._start(["flower-superexec", "--help"], stdout=subprocess.PIPE, text=True)
    assert "--runtime-api-address" in str(ours.communicate(timeout=120)[0])
    other = quick_supernode._start([sys.executable, "-c", "print(7)"], stdout=subprocess.PIPE, text=True)
    assert str(other.communicate(timeout=60)[0]).strip() == "7"


FORK = """
import os, time
import psutil
from flwr.supercore.constant import TaskType
from flwr.supercore.superexec.executor.types import ExecutionSpec
from runtimes.flower.quick_superexec import ForkExecutor

executor = ForkExecutor()
nobody_listens_there = "127.0.0.1:1"
said = executor.launch(
    ExecutionSpec(TaskType.CLIENT_APP, nobody_listens_there, "token", True, None, False, os.getpid(), False, 1)
)
child, = psutil.Process().children()
child.kill()
deadline = time.monotonic() + 20
while psutil.Process().children():
    executor.reconcile()
    assert time.monotonic() < deadline
    time.sleep(0.05)
print(said.status)
"""


def test_a_clientapp_is_a_process_of_its_own_and_is_let_go_of() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "accepted"
