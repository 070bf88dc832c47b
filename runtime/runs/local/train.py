"""The local runtime: a whole federation in one process.

The Flower ServerApp and its strategy run over an in-process Grid; its nodes are the agents of one stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from flwr.app import Context, Message
from flwr.serverapp import Grid

from fedqmix.clients.answers import answer
from fedqmix.conf.schema import Config
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.runs.lifecycle.conduct import AGGREGATE, ServerOwned, Shared, conduct
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.memory import keep_freed_memory
from fedqmix.runtime.runs.lifecycle.progress import Progress
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.replays import RunReplays
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.server.records import Row
from fedqmix.strategies.local_grid import Answer, LocalGrid, server_context

Around = Callable[[Answer], Answer]
"""Wraps the function that answers the server's messages."""


def nothing_between(answers: Answer) -> Answer:
    """Return the answers unchanged."""
    return answers


def train(
    config: Config,
    folder: RunFolder,
    command: Sequence[str],
    progress: Progress,
    together: BatchedRuns = SINGLE_RUN,
    around: Around = nothing_between,
    show: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Train a team in this process; see `runtime.runs.lifecycle.conduct.conduct`.

    together: this run's handle for computing with other runs of the program. around: wraps the team's answers to the
    server (analysis/benchmarks/attacks.py makes one agent dishonest so). show: called with every round's figures,
    after the progress display.
    """
    share_out(config.runtime)
    keep_freed_memory()

    def gather() -> LocalFederation:
        return LocalFederation(config, folder, together, around)

    def shown(row: Row) -> None:
        progress.update(row)
        show(row)

    return conduct(config, folder, command, gather, shown, progress.note)


class LocalFederation:
    """A team in this process (a runtime.runs.lifecycle.conduct.Federation), with replays."""

    def __init__(
        self, config: Config, folder: RunFolder, together: BatchedRuns = SINGLE_RUN, around: Around = nothing_between
    ) -> None:
        self._around = around
        self.team = LocalTeam(config, together)
        self.n_agents = self.team.spec.n_agents
        self.mixer_side = self.team.mixer
        self.replays: RunReplays | None = None
        if config.checkpoint.replays and self.team.drawn is not None:
            name = folder.path.resolve().name
            self.replays = RunReplays(folder.replays, folder.checkpoints, name, config.seed, self.team, self.team.drawn)

    @property
    def game(self) -> str:
        """The environment and its version."""
        return self.team.world.game

    def grid(self) -> tuple[Grid, Context]:
        """Return the in-process Grid and a context for it."""
        return LocalGrid(self.n_agents, self._around(self._answer)), server_context()

    def facts(self) -> Facts:
        """Return the records of world and mixer for the last message that the agents answered."""
        return Facts(self.team.world.counted(), self.team.mixer.learned())

    def _answer(self, questions: Sequence[Message]) -> list[Message]:
        team = self.team
        team.world.forget()
        team.mixer.forget_faults()
        observer = None if self.replays is None else self.replays.evaluations
        return answer(team.agents, team.world, team.mixer, questions, observer)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Load the networks, optimisers and episodes of a checkpoint."""
        self.team.load(checkpoint.tensors, checkpoint)

    def begin_with(self, mixer: Mapping[str, torch.Tensor]) -> None:
        """Let the mixer begin with other parameters."""
        self.team.mixer.begin_with(mixer)

    def save(self, store: CheckpointStore, round_: int, owned: ServerOwned, facts: Mapping[str, Any]) -> None:
        """Save a checkpoint, and a replay with it where there are replays."""
        shown = None if self.replays is None else self.replays.show(round_, owned[AGGREGATE])
        store.save(round_, {**self.team.state(), **owned}, facts, self.team.rings)
        if self.replays is not None and shown is not None:
            self.replays.keep_round(round_, shown)

    def save_best(self, store: CheckpointStore, round_: int, shared: Shared, facts: Mapping[str, Any]) -> None:
        """Save the team's networks, and the best evaluation's replay."""
        store.save_best(self.team.networks(), facts)
        if self.replays is not None:
            self.replays.keep_best(round_)

    def close(self) -> None:
        """Release the world's threads."""
        self.team.close()
