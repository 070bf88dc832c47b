"""A supervisor of child processes: starts them, restarts dead ones, and stops them all."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.processes import marks, process
from fedqmix.runtime.processes.guarded import Guarded

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a dead process is restarted: doubled with every consecutive death."""
DEATHS = 4
"""Consecutive deaths, without a healthy state in between, after which the supervisor gives up."""
GRACE = 5.0
"""Seconds that all processes together get to end before they are killed."""
LOOK = 0.05


@dataclass(frozen=True)
class Service:
    """A process to run.

    name: unique among a supervisor's services. command: program and arguments. log: the file that its output is
    appended to. healthy: returns within about a second whether the service is ready. environment: added to the
    supervisor's own.
    """

    name: str
    command: Sequence[str]
    log: Path
    healthy: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor(Guarded):
    """A set of running services; use as a context manager.

    No process is left however this program ends: by an error, Ctrl-C or kill -9. It has no thread: the caller calls
    `tend` repeatedly, always from the same thread.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Prepare. say: receives a sentence whenever a process has died or was restarted."""
        self._say = say
        super().__init__()
        self._stages: list[list[_Child]] = []  # services that were started in parallel

    @property
    def restarts(self) -> dict[str, int]:
        """The number of restarts of each service."""
        return {child.name: child.starts - 1 for child in self._all()}

    def pid(self, name: str) -> int:
        """Return the process id of a running service."""
        return next(child.process.pid for child in self._all() if child.name == name)

    def start(self, services: Sequence[Service], patience: float) -> None:
        """Start services in parallel; return when all are healthy.

        patience: seconds to wait. Raises FederationError, with the end of the service's log, for a service that keeps
        dying or is not healthy in time.
        """
        stage: list[_Child] = []
        self._stages.append(stage)
        for service in services:
            stage.append(_Child(service, f"{self._mark}{service.name}/"))
        deadline = time.monotonic() + patience
        while waiting := [child for child in stage if not child.healthy]:
            if time.monotonic() > deadline:
                child = waiting[0]
                raise FederationError(f"{child.name} was not ready within {patience:.0f} s. {child.last_words()}")
            time.sleep(LOOK)
            self.tend()

    def tend(self) -> None:
        """Restart dead services. Raises FederationError for a service that keeps dying."""
        self._keep_guard()
        for child in self._all():
            child.tend(self._say)

    def stop(self, grace: float = GRACE) -> None:
        """End all services, the last started first.

        A service that runs after `grace` seconds is killed.
        """
        deadline = time.monotonic() + grace
        try:
            for stage in reversed(self._stages):
                for child in stage:
                    child.ask_to_end()
                for child in stage:
                    child.end(deadline)
        finally:
            self._stages.clear()
            self._dismiss_guard()  # the guard kills what is left of them and of their children

    def _all(self) -> list[_Child]:
        return [child for stage in self._stages for child in stage]


class _Child:
    """One service and the process that runs it now."""

    def __init__(self, service: Service, mark: str) -> None:
        self.name = service.name
        self.healthy = False
        self.starts = 0
        self._service = service
        self._mark = mark
        self._deaths = 0  # in a row
        self._again = 0.0  # time of the restart; 0 while it runs
        self.process = self._start()

    def tend(self, say: Callable[[str], None]) -> None:
        status = self.process.poll()
        if status is None:
            if not self.healthy and self._service.healthy():
                self.healthy, self._deaths = True, 0
        elif not self._again:
            self._died(status, say)
        elif time.monotonic() >= self._again:
            marks.kill(self._mark)  # children of the dead process may still hold its port
            self.process, self._again = self._start(), 0.0
            say(f"{self.name} was started again ({self.starts - 1} so far)")

    def ask_to_end(self) -> None:
        process.ask_to_end(self.process)

    def end(self, deadline: float) -> None:
        process.end(self.process, deadline)

    def last_words(self) -> str:
        return process.last_words(self._service.log)

    def _died(self, status: int, say: Callable[[str], None]) -> None:
        self._deaths += 1
        how = process.how_it_ended(status)
        if self._deaths >= DEATHS:
            raise FederationError(f"{self.name} {how}, {self._deaths} times in a row. {self.last_words()}")
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._deaths - 1))
        self.healthy, self._again = False, time.monotonic() + pause
        say(f"{self.name} {how}; its log is {self._service.log}")

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        return process.start(self._service.command, self._service.log, self._service.environment, self._mark)
