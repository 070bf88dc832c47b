"""A run from its configuration to its summary, wherever its team is: in this process or all over a federation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, cast

import torch
from flwr.app import Array, ArrayRecord, Context
from flwr.serverapp import Grid

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration.settings import DEPLOYMENT
from fedqmix.runtime.core.exploration import epsilon
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.core.world import EVALUATIONS
from fedqmix.runtime.runs.lifecycle import resuming
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.server.app import server_app
from fedqmix.server.records import Loggers, Outcome, Row, make_loggers, marl_eval, read_rows, summarise, write_json
from fedqmix.server.round_end import Counters, MixerSide, RoundEnd
from fedqmix.strategies import TeamStrategy, strategy_class

Shared = Mapping[str, torch.Tensor]
"""What the strategy aggregated, by name: [...] each, without the agent axis."""
ServerOwned = Mapping[str, Shared]
"""The server's checkpoint groups: AGGREGATE, and STRATEGY where the strategy owns something from round to round."""
AGGREGATE, STRATEGY = resuming.AGGREGATE, resuming.STRATEGY


class Federation(Protocol):
    """A team as the conductor of a run needs it."""

    @property
    def n_agents(self) -> int:
        """How many agents the team has."""

    @property
    def game(self) -> str:
        """What plays the battles, with its version; empty when that is not known yet."""

    @property
    def mixer_side(self) -> MixerSide:
        """What the mixer's side has to report."""

    def facts(self) -> Facts:
        """Return what world and mixer know of the question that the agents answered last."""

    def grid(self) -> tuple[Grid, Context]:
        """Return how to reach the agents, and the ServerApp's context."""

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take up what `save` wrote."""

    def save(self, store: CheckpointStore, round_: int, owned: ServerOwned, facts: Mapping[str, Any]) -> None:
        """Write a checkpoint that `resume` can go on from."""

    def save_best(self, store: CheckpointStore, round_: int, shared: Shared, facts: Mapping[str, Any]) -> None:
        """Keep the networks of the best evaluation so far."""

    def close(self) -> None:
        """Let go of everything."""


def conduct(
    config: Config,
    folder: RunFolder,
    command: Sequence[str],
    gather: Callable[[], Federation],
    show: Callable[[Row], None],
    note: Callable[[str], None],
) -> list[Row]:
    """Train a team until its configuration says stop; return every evaluation's row.

    gather: builds the team. show: is shown every round's figures. note: is told what a person should know.
    config.resume: go on from that run folder's newest checkpoint, or from that checkpoint; a run that was ended before
    its first checkpoint is begun. However it ends, the folder has a summary and can be resumed. Raises FedqmixError for
    everything a user can mend, KeyboardInterrupt when interrupted.
    """
    began = time.perf_counter()
    owner = "the server" if config.runtime.name == DEPLOYMENT else None
    store = CheckpointStore(folder.checkpoints, config.checkpoint.keep, folder.run_id, owner)
    before = resuming.resumed(config, folder, store, owner)
    counters = before.counters if before is not None else Counters()
    checkpoint = before.checkpoint if before is not None else None
    refused = resuming.refused_before(folder) if checkpoint is not None else {}  # the summary goes when the run goes on
    federation = gather()
    if checkpoint is not None:
        _take_up(federation, checkpoint)  # in memory: what is refused so far has changed nothing
    if config.resume is not None:
        folder.go_on(replace(config, resume=None))  # a later resume keeps a new stop.*
    if checkpoint is not None:
        store.resume_from(checkpoint)
        note(f"resuming after round {counters.round}, environment step {counters.env_step:,}")
    rewind_to = counters.metrics_position if checkpoint is not None else None
    loggers = make_loggers(config, folder.path, folder.run_id, rewind_to)
    outcome = Outcome.INTERRUPTED
    strategy = make_strategy(config, federation.n_agents, first_round=counters.round + 1)
    strategy.facts, strategy.faults.note = federation.facts, note
    try:
        _rounds(config, strategy, federation, store, loggers, show, note, counters, checkpoint, refused)
        outcome = Outcome.FINISHED
    finally:
        loggers.close()
        game = federation.game
        federation.close()
        rows = read_rows(folder.metrics)
        seconds = time.perf_counter() - began
        summary = summarise(
            config,
            rows,
            command=command,
            run_id=folder.run_id,
            wall_clock_s=seconds,
            outcome=outcome,
            game=game,
            refused=strategy.faults.summary(),
        )
        write_json(folder.summary, summary)
        write_json(folder.marl_eval, marl_eval(config, rows))
    return rows


def _take_up(federation: Federation, checkpoint: Checkpoint) -> None:
    """Load a checkpoint; a team that cannot is closed."""
    try:
        federation.resume(checkpoint)
    except BaseException:
        federation.close()
        raise


def _rounds(
    config: Config,
    strategy: TeamStrategy,
    federation: Federation,
    store: CheckpointStore,
    loggers: Loggers,
    show: Callable[[Row], None],
    note: Callable[[str], None],
    counters: Counters,
    checkpoint: Checkpoint | None,
    refused: Mapping[int, Mapping[str, Any]],
) -> None:
    def save(round_: int, arrays: ArrayRecord, facts: Mapping[str, Any]) -> None:
        owned = {AGGREGATE: _tensors(arrays)}
        if state := strategy.state():  # most strategies have none, and no file for it
            owned[STRATEGY] = {name: torch.from_numpy(value.copy()) for name, value in state.items()}
        federation.save(store, round_, owned, facts)

    def save_best(round_: int, arrays: ArrayRecord, facts: Mapping[str, Any]) -> None:
        federation.save_best(store, round_, _tensors(arrays), facts)

    if checkpoint is not None and counters.round:
        strategy.load_state({name: value.numpy() for name, value in checkpoint.tensors.get(STRATEGY, {}).items()})
    strategy.faults.remember(refused)
    round_end = RoundEnd(
        strategy,
        federation.mixer_side,
        loggers,
        config.stop,
        config.checkpoint,
        save,
        save_best,
        show,
        counters,
        partial(epsilon, config.algorithm),
    )
    arrays = None
    if checkpoint is not None:
        if round_end.finished():
            note("this run is complete; stop.env_steps=... makes it go on")
            return
        if counters.round:  # before the first round nothing was aggregated: the agents say again what they start from
            arrays = _arrays(checkpoint.tensors[AGGREGATE])
    else:
        save(0, ArrayRecord(), vars(counters))  # a run can be resumed, and its disk written, from the start
    try:
        server_app(strategy, round_end, arrays)(*federation.grid())
    finally:
        round_end.tell_refusals()


def make_strategy(config: Config, n_agents: int, first_round: int = 1) -> TeamStrategy:
    """Build the configured strategy for a team."""
    return strategy_class(config.strategy)(
        config.strategy,
        n_agents,
        env_steps=config.stop.env_steps,
        evaluate_every=config.evaluation.every_env_steps,
        evaluate_episodes=config.evaluation.episodes,
        evaluate_for=EVALUATIONS[config.evaluation.starts],
        evaluate_around=config.evaluation.around_aggregation,
        first_round=first_round,
    )


def _tensors(arrays: ArrayRecord) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.numpy().copy()) for name, array in arrays.items()}


def _arrays(tensors: Shared) -> ArrayRecord:
    return ArrayRecord({name: Array(cast(Any, value.numpy())) for name, value in tensors.items()})
