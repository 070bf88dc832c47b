"""The state of one process after each of the last rounds, in memory and on disk.

A round of a federation is a transaction. Each process starts from the state after the previous round, and saves its
new state before it reports that it has finished. If a process fails, all return to the previous state: a process that
already saved the new state still has it, and a process that was killed loads it from disk.
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

KEPT = 2  # the states before and after a round


class Owned(Protocol):
    """An object with a state: networks and optimisers by group and name, and episodes."""

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return the state without episodes, as named tensors by group."""

    @property
    def rings(self) -> dict[str, EpisodeRing]:
        """The episode buffers by name."""

    def load(self, tensors: Mapping[str, Mapping[str, Tensor]], checkpoint: Checkpoint) -> None:
        """Load the tensors that `state` returned, and the rings' episodes from the checkpoint."""


Thing = TypeVar("Thing", bound=Owned)


class Rounds(Generic[Thing]):
    """The states of one owned object after the last rounds of one run.

    folder: the owner's private folder for the run. make: returns the object in its state before the first round.
    owner: the owner's name, for error messages.
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
        """The owned object in its current state."""
        if self._thing is None:
            self._thing = self._make()
        return self._thing

    def after(self, round_: int) -> Thing:
        """Return the owned object in its state after a round (0: before the first).

        Raises CheckpointError when that state is missing or damaged.
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
        """Return the state after a round for changes; memory is not trusted again until `commit`."""
        thing = self.after(round_)
        self._round = None
        return thing

    def commit(self, round_: int, facts: Mapping[str, Any] | None = None) -> None:
        """Save the state after a round. facts: JSON values saved with it. Raises StorageError."""
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
