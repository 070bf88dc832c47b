"""A peer process with another project's program, with requests over its standard input.

It runs one of the scripts benchmarks/peer_*.py under the interpreter with the project's packages. Messages are JSON
objects, one per line: first a description of the program, then one answer per request. Other peers wait meanwhile.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError


class Peer:
    """A peer process; use it as a context manager or close it.

    name: for errors. known: its description of itself, sent at its start.
    """

    def __init__(self, name: str, python: str, script: Sequence[str], needs: str) -> None:
        """Start the process and wait for its description.

        python: the interpreter; script: its file and arguments; needs: the project's requirements, for the error.
        Raises ConfigurationError when the process cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                [python, *script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise ConfigurationError(f"peer_python={python} cannot be run: {error.strerror}.") from error
        self.name = name
        known = self._answer()
        if known is None:
            self.close()
            raise ConfigurationError(f"{name} cannot be imported by {python} (its output is above). {needs}")
        self.known = known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises FedqmixError when the process ends before it answers.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        except BrokenPipeError:
            answer = None
        if answer is None:
            shown = str(question)
            shown = shown if len(shown) < 300 else shown[:300] + "..."
            raise FedqmixError(f"{self.name} ended during the request {shown}; its output is above.")
        return answer

    def close(self) -> None:
        """Close the process's input and wait for its end; kill it after 20 seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer
