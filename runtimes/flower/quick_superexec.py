"""Flower's SuperExec (flwr 1.41 and 1.42), which starts ClientApps by forking itself; a program (python -m).

Everything a ClientApp imports is imported once; a message then costs a fork instead of 1.5 s of importing. A ClientApp
still is a process of its own that ends with its message, so nothing stays behind from one message to the next.
"""

from __future__ import annotations

import importlib
import os
import signal
from pathlib import Path
from typing import Any

from flwr.supercore.cli.flower_superexec import flower_superexec
from flwr.supercore.constant import TaskType
from flwr.supercore.exit import exit_handler
from flwr.supercore.superexec.executor.subprocess_executor import SubprocessExecutor
from flwr.supercore.superexec.executor.types import ExecutionSpec, LaunchResult
from flwr.supernode.runtime.run_clientapp import run_clientapp


class ForkExecutor(SubprocessExecutor):
    """Runs a ClientApp in a fork of this process, anything else as Flower does."""

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start what is described; return at once."""
        if spec.task_type != TaskType.CLIENT_APP:
            return super().launch(spec)
        if os.fork() == 0:
            os._exit(_client(spec))
        return LaunchResult.accepted()

    def reconcile(self) -> None:
        """Let go of ClientApps that have ended."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _client(spec: ExecutionSpec) -> int:
    """Be the ClientApp; return its exit status."""
    exit_handler.registered_exit_handlers.clear()  # they are the parent's: its connection is not ours to close
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    certificates = Path(spec.root_certificates_path).read_bytes() if spec.root_certificates_path else None
    try:
        run_clientapp(
            runtime_api_address=spec.runtime_api_address,
            token=spec.token,
            insecure=spec.insecure,
            certificates=certificates,
            parent_pid=os.getppid(),
            runtime_dependency_install=spec.runtime_dependency_install,
        )
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        return 1
    return 0


def _executor(*_: Any, **__: Any) -> ForkExecutor:
    return ForkExecutor()


def main() -> None:
    """Be flower-superexec with this process's arguments."""
    importlib.import_module("clients.app")  # what each ClientApp would import
    starts: Any = importlib.import_module("flwr.supercore.superexec.run_superexec")
    starts.get_executor = _executor
    flower_superexec()


if __name__ == "__main__":
    main()
