"""Another project's program beside ours: a process of its own that is asked over its standard input.

It runs one of the scripts benchmarks/peer_*.py under the interpreter that has its packages. One JSON object a line:
first, unasked, what it is; then an answer to every question. While one is asked the others wait.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from fedqmix.runtime.core.errors import ConfigurationError, FedqmixError


class Peer:
    """One such process; use as a context manager or close it.

    name: for messages. known: what it said of itself when it started.
    """

    def __init__(self, name: str, python: str, script: Sequence[str], needs: str) -> None:
        """Start it and wait for what it is.

        python: the interpreter; script: its file and what it is told; needs: what to say when it cannot start.
        Raises ConfigurationError when it cannot be started.
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
            raise ConfigurationError(f"{name} cannot be imported by {python} (its own words are above). {needs}")
        self.known = known

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, **question: Any) -> dict[str, Any]:
        """Return the answer to a question. Raises FedqmixError when the process died over it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        except BrokenPipeError:
            answer = None
        if answer is None:
            asked = str(question)
            asked = asked if len(asked) < 300 else asked[:300] + "..."
            raise FedqmixError(f"{self.name} ended while it was asked for {asked}; its own words are above.")
        return answer

    def close(self) -> None:
        """Let the process end, or end it after a while."""
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
