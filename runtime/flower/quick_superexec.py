"""Flower's SuperExec (flwr 1.41 and 1.42), which starts ClientApps by forking itself; a program (python -m).

Everything a ClientApp imports is imported once; a message then costs a fork instead of 1.5 s of importing. A ClientApp
still is a process of its own that ends with its message, so nothing stays behind from one message to the next.

With certificates (FEDQMIX_CERTS) it shows its party's, and starts the installed ClientApp and ServerApp and nothing
else. Whatever it starts or forks ends with it (runtime.core.parent_death), however it ends.
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

from flwr.supercore.constant import TaskType
from flwr.supercore.exit import exit_handler
from flwr.supercore.superexec.executor.subprocess_executor import SubprocessExecutor
from flwr.supercore.superexec.executor.types import ExecutionSpec, LaunchResult
from flwr.supernode.runtime.run_clientapp import run_clientapp

from fedqmix.runtime.core.parent_death import ended_with_parent, hold
from fedqmix.runtime.flower import internals, own_certificate
from fedqmix.runtime.flower.environment import required_identity
from fedqmix.runtime.flower.own_apps import only_installed_clientapp
from fedqmix.runtime.flower.own_bundle import own_hash
from fedqmix.runtime.flower.programs import SERVERAPP, command


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


class InstalledAppsExecutor(ForkExecutor):
    """Runs the installed ClientApp in a fork of this process, the installed ServerApp as a program, nothing else."""

    def get_eligible_capacity(self, supported_task_types: set[TaskType], **_: object) -> tuple[set[TaskType], set[str]]:
        """Return what this SuperExec asks for."""
        return supported_task_types & {TaskType.CLIENT_APP, TaskType.SERVER_APP}, set()

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start the app that is described; return at once."""
        if spec.task_type == TaskType.CLIENT_APP:
            return super().launch(spec)
        if spec.task_type != TaskType.SERVER_APP:
            return LaunchResult.failed(f"fedqmix runs no {spec.task_type}.")
        words = ["--runtime-api-address", spec.runtime_api_address, "--token", spec.token]
        words += ["--root-certificates", str(spec.root_certificates_path), "--parent-pid", str(os.getpid())]
        _start(command(SERVERAPP, *words))
        return LaunchResult.accepted()


def _client(spec: ExecutionSpec, parent: int) -> int:
    """Be the ClientApp, as long as the parent lives; return its exit status."""
    hold(parent)
    _reset_signals()
    apps = internals.module("flwr.supernode.runtime.run_clientapp")
    internals.replace(apps, register_signal_handlers=_register_exit_handlers)
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
    return subprocess.Popen(ended_with_parent(command), **options)


def main() -> None:
    """Be flower-superexec with this process's arguments."""
    insecure = os.environ.get("FEDQMIX_INSECURE") == "1" and not os.environ.get("FEDQMIX_CERTS")
    executor = ForkExecutor if insecure else _closed()
    if insecure:
        importlib.import_module("fedqmix.clients.app")
    programs = internals.module("flwr.supercore.superexec.executor.subprocess_executor")
    internals.replace(programs, subprocess=SimpleNamespace(**vars(subprocess) | {"Popen": _start}))
    starts = internals.module("flwr.supercore.superexec.run_superexec")
    internals.replace(starts, get_executor=lambda *_, **__: executor())
    internals.module("flwr.supercore.cli.flower_superexec").flower_superexec()


def _closed() -> type[ForkExecutor]:
    """Have this process show its certificate and run installed apps alone; return the executor that starts them."""
    internals.require_tested()
    identity = required_identity()
    own_certificate.show(identity)
    only_installed_clientapp()
    own_hash()  # every ClientApp compares with it
    if identity.party.startswith("supernode-"):
        importlib.import_module("fedqmix.clients.app")  # what each ClientApp would import
    return InstalledAppsExecutor


if __name__ == "__main__":
    main()
