"""Flower's SuperExec (flwr 1.41), which starts ClientApps by forking itself; a program (python -m).

Everything a ClientApp imports is imported once; a message then costs a fork instead of 1.5 s of importing. A ClientApp
still is a process of its own that ends with its message, so nothing stays behind from one message to the next.

Whatever it starts or forks ends with it (contracts.leash), however it ends.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flwr.supercore.cli.flower_superexec import flower_superexec
from flwr.supercore.constant import TaskType
from flwr.supercore.exit import exit_handler
from flwr.supercore.superexec.executor.subprocess_executor import SubprocessExecutor
from flwr.supercore.superexec.executor.types import ExecutionSpec, LaunchResult
from flwr.supernode.runtime.run_clientapp import run_clientapp

from contracts.leash import hold, leashed


class ForkExecutor(SubprocessExecutor):
    """Runs a ClientApp in a fork of this process, anything else as Flower does."""

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start what is described; return at once."""
        if spec.task_type != TaskType.CLIENT_APP:
            return super().launch(spec)
        parent = os.getpid()  # before the fork: afterwards the child may belong to another
        if os.fork() == 0:
            os._exit(_client(spec, parent))
        return LaunchResult.accepted()

    def reconcile(self) -> None:
        """Let go of ClientApps that have ended."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _client(spec: ExecutionSpec, parent: int) -> int:
    """Be the ClientApp, as long as the parent lives; return its exit status."""
    hold(parent)
    _reset_signals()
    apps: Any = importlib.import_module(run_clientapp.__module__)
    apps.register_signal_handlers = _register_exit_handlers
    exit_handler.registered_exit_handlers.clear()  # they are the parent's: its connection is not ours to close
    certificates = Path(spec.root_certificates_path).read_bytes() if spec.root_certificates_path else None
    try:
        run_clientapp(
            runtime_api_address=spec.runtime_api_address,
            token=spec.token,
            insecure=spec.insecure,
            certificates=certificates,
            parent_pid=parent,
            runtime_dependency_install=spec.runtime_dependency_install,
        )
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        return 1
    return 0


def _reset_signals() -> None:
    """Let every signal do what it does to any program: the parent's handlers and masks are its own."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _register_exit_handlers(*_: Any, exit_handlers: Sequence[Callable[[], None]] | None = None, **__: Any) -> None:
    """Do what flwr's register_signal_handlers does, but for the signals: SIGTERM and SIGINT end a ClientApp at once.

    A handler of Python's runs when the main thread gets to it, and then sends farewells to a SuperNode that may have
    ended; a ClientApp has nothing to lose, as it only passes on messages.
    """
    for handler in exit_handlers or []:
        exit_handler.add_exit_handler(handler)


def _start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that ends with us, such as a ServerApp."""
    return subprocess.Popen(leashed(command), **options)


def _executor(*_: Any, **__: Any) -> ForkExecutor:
    return ForkExecutor()


def main() -> None:
    """Be flower-superexec with this process's arguments."""
    importlib.import_module("clients.app")  # what each ClientApp would import
    starts: Any = importlib.import_module("flwr.supercore.superexec.run_superexec")
    starts.get_executor = _executor
    programs: Any = importlib.import_module("flwr.supercore.superexec.executor.subprocess_executor")
    programs.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": _start})
    flower_superexec()


if __name__ == "__main__":
    main()
