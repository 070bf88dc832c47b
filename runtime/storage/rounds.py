"""What one process owns, kept at the state after a round: in memory while all goes well, on disk for when it does not.

A round of a federation is a transaction. Whoever takes part goes on from the state after the round before, and writes
its own new state before it says that it is done. If anybody fails, all go back: whoever already wrote the new state
still has the one before, and whoever was killed reads it from the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from fedqmix.runtime.storage.reading import Checkpoint
from fedqmix.runtime.storage.ring import EpisodeRing

KEPT = 2  # the state a round begins from, and the one it ends with


class Owned(Protocol):
    """Something with a state: networks and optimisers by group and name, and episodes."""

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Everything but the episodes, as named tensors by group."""

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The episodes."""

    def load(self, tensors: Mapping[str, Mapping[str, Tensor]], checkpoint: Checkpoint) -> None:
        """Take up what `state` and the rings held."""


Thing = TypeVar("Thing", bound=Owned)


class Rounds(Generic[Thing]):
    """The states of one owned thing after the last rounds of one run.

    folder: the owner's private folder for the run. make: makes the thing as it is before the first round. owner: the
    owner's name, for errors.
    """

    def __init__(self, folder: Path, run_id: str, make: Callable[[], Thing], owner: str | None = None) -> None:
        self._store = CheckpointStore(folder, KEPT, run_id, owner)
        self._make = make
        self._thing: Thing | None = make()
        self._round: int | None = None
        self.facts: dict[str, Any] = {}
        if not reading.rounds(folder):
            self.commit(0)

    @property
    def thing(self) -> Thing:
        """The owned thing, in whatever state it is."""
        if self._thing is None:
            self._thing = self._make()
        return self._thing

    def after(self, round_: int) -> Thing:
        """Return the owned thing as it was after a round (0: before the first).

        Raises CheckpointError when that state is not there any more, or damaged.
        """
        if self._round != round_:
            self._thing = None  # two full episode buffers may not fit into memory
            checkpoint = self._store.load(self._folder_of(round_), self._store.owner)
            self.thing.load(checkpoint.tensors, checkpoint)
            self._store.resume_from(checkpoint)
            self.facts = dict(checkpoint.facts)
            self._round = round_
        return self.thing

    def change(self, round_: int) -> Thing:
        """Return it as it was after a round, to be changed: what is in memory is not trusted until `commit`."""
        thing = self.after(round_)
        self._round = None
        return thing

    def commit(self, round_: int, facts: Mapping[str, Any] | None = None) -> None:
        """Write the state after a round. facts: plain values kept with it. Raises StorageError when that fails."""
        self.facts = dict(facts or {})
        self._store.save(round_, self.thing.state(), self.facts, self.thing.rings)
        self._round = round_

    def _folder_of(self, round_: int) -> Path:
        there = reading.rounds(self._store.folder)
        if round_ not in there:
            known = ", ".join(map(str, there)) or "none"
            raise CheckpointError(
                f"{self._store.folder} holds no state after round {round_} of run {self._store.run_id}, only after "
                f"rounds {known}. The run cannot go on without it: begin a new one."
            )
        return there[round_]
