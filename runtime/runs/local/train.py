"""The local runtime: a whole federation in one process.

The Flower ServerApp and its strategy run over an in-process Grid; its nodes are the agents of one stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flwr.app import Context, Message
from flwr.serverapp import Grid

from fedqmix.clients.answers import answer
from fedqmix.conf.schema import Config
from fedqmix.runtime.core.batched_runs import SINGLE_RUN, BatchedRuns
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.runs.lifecycle.conduct import AGGREGATE, ServerOwned, Shared, conduct
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.progress import Progress
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.memory import keep_freed_memory
from fedqmix.runtime.runs.local.replays import RunReplays
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.server.records import Row
from fedqmix.strategies.local_grid import Answer, LocalGrid, server_context

Around = Callable[[Answer], Answer]
"""What stands between the server and a team's answers."""


def nothing_between(answers: Answer) -> Answer:
    """Leave the answers as they are."""
    return answers


def train(
    config: Config,
    folder: RunFolder,
    command: Sequence[str],
    progress: Progress,
    together: BatchedRuns = SINGLE_RUN,
    around: Around = nothing_between,
) -> list[Row]:
    """Train a team in this process; see `runtime.runs.lifecycle.conduct.conduct`.

    together: the run's seat among several in this program. around: makes of the team's answers those that the server
    gets (analysis/benchmarks/attacks.py lets one agent lie so).
    """
    share_out(config.runtime)
    keep_freed_memory()

    def gather() -> LocalFederation:
        return LocalFederation(config, folder, together, around)

    return conduct(config, folder, command, gather, progress.update, progress.note)


class LocalFederation:
    """A team in this process (a runtime.runs.lifecycle.conduct.Federation), which also keeps replays."""

    def __init__(
        self, config: Config, folder: RunFolder, together: BatchedRuns = SINGLE_RUN, around: Around = nothing_between
    ) -> None:
        self._around = around
        self.team = LocalTeam(config, together)
        self.n_agents = self.team.spec.n_agents
        self.mixer_side = self.team.mixer
        self.replays = RunReplays(
            folder.replays, folder.checkpoints, folder.path.resolve().name, config.seed, self.team
        )

    @property
    def game(self) -> str:
        """What plays the battles."""
        return self.team.world.game

    def grid(self) -> tuple[Grid, Context]:
        """Return the in-process Grid and a context for it."""
        return LocalGrid(self.n_agents, self._around(self._answer)), server_context()

    def facts(self) -> Facts:
        """Return what world and mixer know of the question that the agents answered last."""
        return Facts(self.team.world.counted(), self.team.mixer.learned())

    def _answer(self, questions: Sequence[Message]) -> list[Message]:
        team = self.team
        team.world.forget()
        team.mixer.forget_faults()
        return answer(team.agents, team.world, team.mixer, questions, self.replays.evaluations)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take up the networks, optimisers and episodes of a checkpoint."""
        self.team.load(checkpoint.tensors, checkpoint)

    def save(self, store: CheckpointStore, round_: int, owned: ServerOwned, facts: Mapping[str, Any]) -> None:
        """Write everything, and a replay beside it."""
        shown = self.replays.show(round_, owned[AGGREGATE])
        store.save(round_, {**self.team.state(), **owned}, facts, self.team.rings)
        self.replays.keep_round(round_, shown)

    def save_best(self, store: CheckpointStore, round_: int, shared: Shared, facts: Mapping[str, Any]) -> None:
        """Keep the team's networks, and the best battle's replay."""
        store.save_best(self.team.networks(), facts)
        self.replays.keep_best(round_)

    def close(self) -> None:
        """Let go of the world's threads."""
        self.team.close()
