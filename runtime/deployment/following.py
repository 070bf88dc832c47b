"""A run on a SuperLink, followed to its end, also across restarts of the SuperLink."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.configuration.settings import RESUMABLE
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.deployment.progress_file import SENTENCE, ProgressFile
from fedqmix.runtime.deployment.submission import RunState, State, SuperLink, UnreachableError
from fedqmix.runtime.processes import require_uninterrupted
from fedqmix.server.records import Row

LOOK = 0.1
"""Seconds between two reads of the run folder."""
ASK = 2.0
"""Seconds between two requests to the SuperLink."""
WELL = 60.0
"""Seconds (or patience, if longer) after which a running run counts as healthy, even without new rows."""


class Following:
    """One run: submitted, followed, and submitted again when SuperLink or ServerApp were lost.

    It fails when for `patience` seconds the SuperLink does not answer, or the run is lost repeatedly without
    progress.
    """

    def __init__(self, link: SuperLink, overrides: Sequence[str], run_dir: str, folder: Path, patience: float) -> None:
        """Prepare; nothing is submitted yet.

        overrides: the run's, including its run_dir or resume. run_dir: the run folder's path for the ServerApp.
        folder: the same folder's path in this process, which may not have access to it.
        """
        self._link = link
        self._overrides = list(overrides)
        self._run_dir = run_dir
        self._folder = folder
        self._patience = patience
        self._progress = ProgressFile(folder)
        self._run = 0
        self._words = self._overrides  # the overrides of the last submission
        self._others: set[int] | None = None  # earlier runs with the same overrides; None: nothing submitted
        self._submitted = 0.0  # time of the submission; 0, here and below: never
        self._silent = 0.0  # since when the SuperLink has not answered
        self._losing = 0.0  # since when the run has been lost repeatedly

    def rows(self, say: Callable[[str], None]) -> Iterator[Row | None]:
        """Submit the run; yield each new row of its progress, or None, until the run ends.

        say: receives the sentences that the server wrote for the user, and one when the run was lost and is submitted
        again.
        Raises FederationError with the run's own error when it failed, and when patience has run out.
        """
        asked = 0.0
        while True:
            yield from self._new_rows(say)
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
                        yield from self._new_rows(say)
                        return
                    if found.state is State.LOST:
                        self._words = self._again()
                        self._run, self._others = 0, None
                        say(f"the run was lost ({found.words}); it is submitted again")
            yield None
            require_uninterrupted()
            time.sleep(LOOK)

    def _submit(self) -> None:
        """Submit the run, unless the last submission succeeded and only its answer was lost."""
        found = self._link.same(self._words)
        if self._others is None:
            self._others = found
        taken = found - self._others
        self._run = max(taken) if taken else self._link.start(self._words)
        self._submitted = time.monotonic()

    def stop(self) -> bool:
        """Stop the run, if it was submitted.

        Returns False when the SuperLink does not answer; the run may then continue.
        """
        try:
            with self._link.anew() as link:
                for run in [self._run] if self._run else self._unnoticed(link):
                    link.stop(run)
        except UnreachableError:
            return False
        return True

    def _unnoticed(self, link: SuperLink) -> set[int]:
        """Return runs that this process submitted without receiving the SuperLink's answer.

        Another user's run may have the same name, so the overrides must be equal, and the run newer than the first
        submission.
        """
        return set() if self._others is None else link.same(self._words) - self._others

    def _new_rows(self, say: Callable[[str], None]) -> Iterator[Row]:
        for row in self._progress.new():
            self._losing = 0.0
            if SENTENCE in row:
                say(str(row[SENTENCE]))
            else:
                yield row

    def _ended(self, found: RunState) -> bool:
        if found.state is State.FAILED:
            raise FederationError(found.words)
        if found.state is State.STOPPED:
            raise FederationError("another process stopped the run.")
        return found.state is State.FINISHED

    def _bear_with(self, error: UnreachableError) -> None:
        self._silent = self._silent or time.monotonic()
        if time.monotonic() - self._silent > self._patience:
            raise FederationError(f"{error}. It did not answer for {self._patience:.0f} s.") from error

    def _again(self) -> list[str]:
        """Return the overrides to submit a lost run again: it resumes if its folder exists."""
        now = time.monotonic()
        if now - self._submitted > max(WELL, self._patience):
            self._losing = 0.0
        self._losing = self._losing or now
        if now - self._losing > self._patience:
            raise FederationError(f"the run was lost repeatedly; for {self._patience:.0f} s it made no progress.")
        seen = self._folder.parent.exists()
        if (self._folder / RUN).exists() or not seen:
            own = [word for word in self._overrides if f"{word.partition('=')[0]}.".startswith(RESUMABLE)]
            return [f"resume={quoted(self._run_dir)}", *own]
        return self._overrides
