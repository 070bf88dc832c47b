"""A run on a SuperLink, followed from its submission to its end, over restarts of the SuperLink."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.configuration.settings import RESUMABLE
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.deployment.progress_file import ProgressFile
from fedqmix.runtime.deployment.submission import RunState, State, SuperLink, UnreachableError
from fedqmix.server.records import Row

LOOK = 0.1
"""Seconds between two looks at the run folder."""
ASK = 2.0
"""Seconds between two questions to the SuperLink."""
WELL = 60.0
"""Seconds (or patience, if that is longer) after which a run that goes on counts as well, also where nothing else is
heard of it than that it goes on."""


class Following:
    """One run, submitted, followed, and submitted again when the SuperLink or the ServerApp was lost.

    It is lost for good when for `patience` seconds the SuperLink does not answer, or the run is lost time and again
    without having got any further.
    """

    def __init__(self, link: SuperLink, overrides: Sequence[str], run_dir: str, folder: Path, patience: float) -> None:
        """Prepare; nothing is submitted yet.

        overrides: of the run, with its run_dir or resume among them. run_dir: as the ServerApp is told it.
        folder: the same folder as it is seen from here, whether it can be or not.
        """
        self._link = link
        self._overrides = list(overrides)
        self._run_dir = run_dir
        self._folder = folder
        self._patience = patience
        self._progress = ProgressFile(folder)
        self._run = 0
        self._words = self._overrides  # those submitted last
        self._others: set[int] | None = None  # runs of the same words that were there first; None: nothing submitted
        self._submitted = 0.0  # when, as the times below; 0 means never
        self._silent = 0.0  # since when the SuperLink has not answered
        self._losing = 0.0  # since when the run has been lost and lost again

    def rows(self, say: Callable[[str], None]) -> Iterator[Row | None]:
        """Submit the run, then yield each new row of its progress, and None whenever there is none; end with the run.

        say: shown a sentence when something went wrong and is being mended.
        Raises FederationError with the run's own words when it failed, and when patience is over.
        """
        asked = 0.0
        while True:
            yield from self._new_rows()
            if time.monotonic() - asked >= ASK:
                asked = time.monotonic()
                try:
                    if not self._run:
                        self._submit()
                    found = self._link.state(self._run)
                    self._silent = 0.0
                except UnreachableError as error:
                    self._bear_with(error)
                else:
                    if self._ended(found):
                        yield from self._new_rows()
                        return
                    if found.state is State.LOST:
                        self._words = self._again()
                        self._run, self._others = 0, None
                        say(f"the run was lost ({found.words}); it is submitted again")
            yield None
            time.sleep(LOOK)

    def _submit(self) -> None:
        """Submit the run, unless the SuperLink took it the last time and only its answer was lost."""
        found = self._link.same(self._words)
        if self._others is None:
            self._others = found
        taken = found - self._others
        self._run = max(taken) if taken else self._link.start(self._words)
        self._submitted = time.monotonic()

    def stop(self) -> bool:
        """Stop the run, if it was submitted; return False when the SuperLink does not answer, and it may go on."""
        try:
            with self._link.anew() as link:
                for run in [self._run] if self._run else self._unnoticed(link):
                    link.stop(run)
        except UnreachableError:
            return False
        return True

    def _unnoticed(self, link: SuperLink) -> set[int]:
        """Return the runs that the SuperLink took from us without our having heard of it.

        Somebody else's run may have the same name, so the words must be ours, and the run newer than our first try.
        """
        return set() if self._others is None else link.same(self._words) - self._others

    def _new_rows(self) -> Iterator[Row]:
        for row in self._progress.new():
            self._losing = 0.0
            yield row

    def _ended(self, found: RunState) -> bool:
        if found.state is State.FAILED:
            raise FederationError(found.words)
        if found.state is State.STOPPED:
            raise FederationError("the run was stopped from elsewhere.")
        return found.state is State.FINISHED

    def _bear_with(self, error: UnreachableError) -> None:
        self._silent = self._silent or time.monotonic()
        if time.monotonic() - self._silent > self._patience:
            raise FederationError(f"{error}. So it has been for {self._patience:.0f} s.") from error

    def _again(self) -> list[str]:
        """Return the overrides to submit a lost run with: it goes on from its folder, if it had got that far."""
        now = time.monotonic()
        if now - self._submitted > max(WELL, self._patience):
            self._losing = 0.0
        self._losing = self._losing or now
        if now - self._losing > self._patience:
            raise FederationError(f"the run was lost again and again; for {self._patience:.0f} s it got no further.")
        seen = self._folder.parent.exists()
        if (self._folder / RUN).exists() or not seen:
            own = [word for word in self._overrides if f"{word.partition('=')[0]}.".startswith(RESUMABLE)]
            return [f"resume={quoted(self._run_dir)}", *own]
        return self._overrides
