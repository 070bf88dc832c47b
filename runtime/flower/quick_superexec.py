"""Flower's SuperExec (flwr 1.41 and 1.42), which forks itself for each ClientApp.

The modules of a ClientApp are imported once; a message then costs a fork instead of 1.5 s of imports. Each ClientApp
is still a process of its own that ends with its message, so no state remains between messages. The pauses between two
checks for a message begin short and grow (runtime.core.pauses).

With certificates (FEDQMIX_CERTS) it shows its party's certificate, and starts only the installed ClientApp and
ServerApp. All processes that it starts or forks end with it, however it ends (runtime.core.parent_death). It is a
program (python -m).
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
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
from fedqmix.runtime.core.pauses import GrowingPause
from fedqmix.runtime.flower import internals, own_certificate
from fedqmix.runtime.flower.environment import required_identity
from fedqmix.runtime.flower.own_apps import only_installed_clientapp
from fedqmix.runtime.flower.own_bundle import own_hash
from fedqmix.runtime.flower.programs import SERVERAPP, command

PAUSES = GrowingPause()
"""Between two checks for a task; each launch restarts them."""


class ForkExecutor(SubprocessExecutor):
    """An executor that runs ClientApps in forks of this process, other apps as Flower does."""

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start an app; return without waiting for it."""
        PAUSES.restart()  # the next task may come soon
        if spec.task_type != TaskType.CLIENT_APP:
            return super().launch(spec)
        parent = os.getpid()  # before the fork: afterwards the child may have another parent
        if os.fork() == 0:
            os._exit(_client(spec, parent))
        return LaunchResult.accepted()

    def reconcile(self) -> None:
        """Reap ClientApps that have ended."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


class InstalledAppsExecutor(ForkExecutor):
    """An executor that runs only installed apps: ClientApps in forks, ServerApps as programs."""

    def get_eligible_capacity(self, supported_task_types: set[TaskType], **_: object) -> tuple[set[TaskType], set[str]]:
        """Return the task types that this SuperExec accepts."""
        return supported_task_types & {TaskType.CLIENT_APP, TaskType.SERVER_APP}, set()

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start an installed app; return without waiting for it."""
        if spec.task_type == TaskType.CLIENT_APP:
            return super().launch(spec)
        if spec.task_type != TaskType.SERVER_APP:
            return LaunchResult.failed(f"fedqmix does not run {spec.task_type}.")
        words = ["--runtime-api-address", spec.runtime_api_address, "--token", spec.token]
        words += ["--root-certificates", str(spec.root_certificates_path), "--parent-pid", str(os.getpid())]
        _start(command(SERVERAPP, *words))
        return LaunchResult.accepted()


def _client(spec: ExecutionSpec, parent: int) -> int:
    """Run the ClientApp until it or the parent ends; return its exit status."""
    hold(parent)
    _reset_signals()
    apps = internals.module("flwr.supernode.runtime.run_clientapp")
    internals.replace(apps, register_signal_handlers=_register_exit_handlers)
    exit_handler.registered_exit_handlers.clear()  # the parent's handlers would close the parent's connection
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
    """Reset all signals to their defaults: a fork inherits the parent's handlers and masks."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _register_exit_handlers(*_: Any, exit_handlers: Sequence[Callable[[], None]] | None = None, **__: Any) -> None:
    """Replace flwr's register_signal_handlers: SIGTERM and SIGINT end a ClientApp at once.

    Flower's handler runs only when the main thread executes Python code, and then contacts a SuperNode that may have
    ended. A ClientApp only passes on messages, so it has no state to lose.
    """
    for handler in exit_handlers or []:
        exit_handler.add_exit_handler(handler)


def _start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that the system ends with this process, such as a ServerApp."""
    return subprocess.Popen(ended_with_parent(command), **options)


def main() -> None:
    """Run flower-superexec with this process's arguments."""
    insecure = os.environ.get("FEDQMIX_INSECURE") == "1" and not os.environ.get("FEDQMIX_CERTS")
    executor = ForkExecutor if insecure else _closed()
    if insecure:
        importlib.import_module("fedqmix.clients.app")
    programs = internals.module("flwr.supercore.superexec.executor.subprocess_executor")
    internals.replace(programs, subprocess=SimpleNamespace(**vars(subprocess) | {"Popen": _start}))
    starts = internals.module("flwr.supercore.superexec.run_superexec")
    internals.replace(starts, get_executor=lambda *_, **__: executor(), time=_time())
    internals.module("flwr.supercore.cli.flower_superexec").flower_superexec()


def _time() -> SimpleNamespace:
    """Return a replacement of the module time, whose `sleep` takes the longest pause between two checks for a task."""
    return SimpleNamespace(**vars(time) | {"sleep": PAUSES.pause})


def _closed() -> type[ForkExecutor]:
    """Restrict this process to its certificate and to installed apps; return their executor."""
    internals.require_tested()
    identity = required_identity()
    own_certificate.show(identity)
    only_installed_clientapp()
    own_hash()  # cached before the fork: every ClientApp compares with it
    if identity.party.startswith("supernode-"):
        importlib.import_module("fedqmix.clients.app")  # imported before the fork, for every ClientApp
    return InstalledAppsExecutor


if __name__ == "__main__":
    main()
