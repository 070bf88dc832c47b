"""Several seeds in one program, one thread each; a GPU computes for all of them at once.

A GPU is hardly busy with one team's small networks, and several processes on it take turns. Here the seeds' networks
are one stack (algorithms.q_learning.agent, clients.acting, algorithms.q_learning.td_loss). Each run has its own
strategy, run folder and everything else, as in a process.
"""

from __future__ import annotations

import threading
import traceback
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import FedqmixError
from fedqmix.runtime.runs.local.once import train_once
from fedqmix.runtime.runs.seeds.run_batcher import RunBatcher, RunHandle
from fedqmix.runtime.runs.side_by_side.run import Run

DONE, FAILED = 0, 1


class Threads:
    """The threads of several runs (a runtime.runs.side_by_side.train.Programs).

    The first call of `ended` starts all runs that have begun, so no run computes before the batcher knows all.
    """

    def __init__(self) -> None:
        self._begun: list[Run] = []
        self._threads: list[threading.Thread] = []
        self._batcher = RunBatcher(0)
        self._ended: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Interrupt the active runs as Ctrl-C does, and wait until they have saved their state."""
        self._batcher.interrupt()
        for thread in self._threads:
            thread.join()

    def begin(self, run: Run) -> None:
        """See runtime.runs.side_by_side.train.Programs."""
        self._begun.append(run)

    def ended(self) -> dict[str, int]:
        """See runtime.runs.side_by_side.train.Programs."""
        if not self._threads:
            self._start()
        with self._lock:
            ended, self._ended = self._ended, {}
        return ended

    def _start(self) -> None:
        self._batcher = RunBatcher(len(self._begun))
        for number, run in enumerate(self._begun):
            arguments = run, run.words(run.state), self._batcher.seat(number)
            self._threads.append(threading.Thread(target=self._run, args=arguments, name=run.name))
        for thread in self._threads:
            thread.start()

    def _run(self, run: Run, words: list[str], handle: RunHandle) -> None:
        status = FAILED
        try:
            run.log.parent.mkdir(parents=True, exist_ok=True)
            with run.log.open("a", encoding="utf-8") as file:
                status = _train(words, file, handle)
        finally:
            handle.leave()
            with self._lock:
                self._ended[run.name] = status


_composing = threading.Lock()  # Hydra has one state for the whole program


def _train(words: list[str], log: TextIO, handle: RunHandle) -> int:
    """Train one run; return its exit status. log: receives all output and errors."""
    console = Console(file=log, width=120)
    try:
        with _composing:
            config: Config = compose(words)
        train_once(config, ["fedqmix", "train", *words], console, console, handle)
    except FedqmixError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except Exception:
        traceback.print_exc(file=log)
        return FAILED
    return DONE
