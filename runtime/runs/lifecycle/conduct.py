"""A run from its configuration to its summary, for a team in one process or a federation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, cast

import torch
from flwr.app import Array, ArrayRecord, Context
from flwr.serverapp import Grid

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.settings import DEPLOYMENT
from fedqmix.runtime.core.exploration import epsilon
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.core.world import EVALUATIONS
from fedqmix.runtime.runs.lifecycle import resuming
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.initial import initial_networks
from fedqmix.runtime.runs.lifecycle.memory import collect_only_new
from fedqmix.runtime.runs.lifecycle.root_network import root_network
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.server.app import server_app
from fedqmix.server.records import Loggers, Outcome, Row, make_loggers, marl_eval, read_rows, summarise, write_json
from fedqmix.server.round_end import Counters, MixerSide, RoundEnd
from fedqmix.strategies import TeamStrategy, strategy_class
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy

Shared = Mapping[str, torch.Tensor]
"""The strategy's aggregates: tensors by the names of runtime.core.team_arrays, [...] each, without the agent axis."""
ServerOwned = Mapping[str, Shared]
"""The server's checkpoint groups: AGGREGATE, and STRATEGY for a strategy with a state."""
AGGREGATE, STRATEGY = resuming.AGGREGATE, resuming.STRATEGY


class Federation(Protocol):
    """The team of a run, local or federated, as `conduct` uses it."""

    @property
    def n_agents(self) -> int:
        """Number of agents in the team."""

    @property
    def game(self) -> str:
        """The environment and its version; empty while unknown."""

    @property
    def mixer_side(self) -> MixerSide:
        """The mixer's side, which reports losses and evaluations."""

    def facts(self) -> Facts:
        """Return the records of world and mixer for the last message that the agents answered."""

    def grid(self) -> tuple[Grid, Context]:
        """Return the Grid that reaches the agents, and the ServerApp's context."""

    def resume(self, checkpoint: Checkpoint) -> None:
        """Load the state that `save` wrote."""

    def begin_with(self, mixer: Mapping[str, torch.Tensor]) -> None:
        """Let the mixer begin the run with other parameters, by the names of checkpoints."""

    def save(self, store: CheckpointStore, round_: int, owned: ServerOwned, facts: Mapping[str, Any]) -> None:
        """Save the state that `resume` loads, as a checkpoint."""

    def save_best(self, store: CheckpointStore, round_: int, shared: Shared, facts: Mapping[str, Any]) -> None:
        """Save the networks of the best evaluation so far."""

    def close(self) -> None:
        """Release all resources."""


def conduct(
    config: Config,
    folder: RunFolder,
    command: Sequence[str],
    gather: Callable[[], Federation],
    show: Callable[[Row], None],
    note: Callable[[str], None],
    announce: Callable[[str], None] | None = None,
) -> list[Row]:
    """Train a team until stop.* of its configuration is reached; return every evaluation's row.

    gather: builds the team. show: called with every round's figures. note: called with messages for the user.
    announce: called with the strategy's sentences about long work; None: note.
    config.resume: a run folder, whose newest checkpoint is resumed, or one checkpoint; a run that ended before its
    first checkpoint is begun. However training ends, the folder has a summary and can be resumed.
    Raises FedqmixError for every error that a user can correct, KeyboardInterrupt when interrupted.
    """
    began = time.perf_counter()
    owner = "the server" if config.runtime.name == DEPLOYMENT else None
    store = CheckpointStore(folder.checkpoints, config.checkpoint.keep, folder.run_id, owner)
    before = resuming.resumed(config, folder, store, owner)
    counters = before.counters if before is not None else Counters()
    checkpoint = before.checkpoint if before is not None else None
    refused = resuming.refused_before(folder) if checkpoint is not None else {}  # go_on deletes the summary
    initial = None if counters.round else initial_networks(config)
    collect_only_new()
    federation = gather()
    if initial is not None and initial.mixer:
        federation.begin_with(initial.mixer)
    if checkpoint is not None:
        _load(federation, checkpoint)  # in memory: an error up to here has changed no file
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
    strategy.announce = announce or note
    if initial is not None:
        strategy.initial = {name: value.numpy() for name, value in initial.agents.items()}
        note(initial.text)
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
            score=team_spec(config.map, config.env).score,
            refused=strategy.faults.summary(),
            figures=strategy.figures(),
        )
        write_json(folder.summary, summary)
        write_json(folder.marl_eval, marl_eval(config, rows))
    return rows


def _load(federation: Federation, checkpoint: Checkpoint) -> None:
    """Load a checkpoint; upon an error the team is closed."""
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
        if state := strategy.state():  # a strategy without state has no file
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
        team_spec(config.map, config.env).score,
    )
    arrays = None
    if checkpoint is not None:
        if round_end.finished():
            note("this run is complete; stop.env_steps=... makes it go on")
            return
        if counters.round:  # else there is no aggregate yet: the agents send their initial parameters again
            arrays = _arrays(checkpoint.tensors[AGGREGATE])
    else:
        save(0, ArrayRecord(), vars(counters))  # the run can be resumed from the start; a full disk shows now
    try:
        server_app(strategy, round_end, arrays)(*federation.grid())
    finally:
        round_end.tell_refusals()


def make_strategy(config: Config, n_agents: int, first_round: int = 1) -> TeamStrategy:
    """Build the configured strategy for a team."""
    given = clusters_of(config)
    settings = config.strategy if given is None else with_known(config.strategy, clusters=given)
    strategy = strategy_class(settings)(
        settings,
        n_agents,
        env_steps=config.stop.env_steps,
        evaluate_every=config.evaluation.every_env_steps,
        evaluate_episodes=config.evaluation.episodes,
        evaluate_for=EVALUATIONS[config.evaluation.starts],
        evaluate_around=config.evaluation.around_aggregation,
        first_round=first_round,
    )
    strategy.seed = config.seed
    if isinstance(strategy, SubNetworkStrategy):
        strategy.divide(root_network(config, team_spec(config.map, config.env)))
    return strategy


def _tensors(arrays: ArrayRecord) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.numpy().copy()) for name, array in arrays.items()}


def _arrays(tensors: Shared) -> ArrayRecord:
    return ArrayRecord({name: Array(cast(Any, value.numpy())) for name, value in tensors.items()})
