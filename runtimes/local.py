"""The local runtime: a whole federation in one process.

The Flower ServerApp and its strategy run over an in-process Grid; its nodes are the agents of one stack.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from flwr.app import Array, ArrayRecord

from clients.answers import answer
from conf.schema import Config
from runtimes.grid import LocalGrid, server_context
from runtimes.memory import keep_freed_memory
from runtimes.progress import Progress
from runtimes.run_folder import RunFolder
from runtimes.run_replays import RunReplays
from runtimes.team import LocalTeam
from server.app import server_app
from server.records import Loggers, Outcome, Row, make_loggers, marl_eval, read_rows, summarise, write_json
from server.round_end import Counters, RoundEnd
from storage.checkpoint import Checkpoint, CheckpointStore
from strategies import TeamStrategy, strategy_class


def train(config: Config, folder: RunFolder, command: Sequence[str], progress: Progress) -> list[Row]:
    """Train a team until its configuration says stop; return every evaluation's row.

    config.resume: go on from that run folder's newest checkpoint, or from that checkpoint. However it ends, the
    folder has a summary and can be resumed. Raises FedqmixError for everything a user can mend, KeyboardInterrupt
    when interrupted.
    """
    torch.set_num_threads(config.runtime.threads)
    keep_freed_memory()
    began = time.perf_counter()
    store = CheckpointStore(folder.checkpoints, config.checkpoint.keep, folder.run_id)
    checkpoint = store.load(store.locate(Path(config.resume))) if config.resume is not None else None
    team = LocalTeam(config)
    if (warning := team.memory_warning()) is not None:
        progress.note(warning)
    counters = Counters()
    if checkpoint is not None:
        store.resume_from(checkpoint)
        team.load(checkpoint.tensors, checkpoint)
        counters = Counters(**checkpoint.facts)
        progress.note(f"resuming after round {counters.round}, environment step {counters.env_step:,}")
    rewind_to = counters.metrics_position if checkpoint is not None else None
    replays = RunReplays(folder.replays, folder.checkpoints, folder.path.resolve().name, config.seed, team)
    loggers = make_loggers(config, folder.path, folder.run_id, rewind_to)
    outcome = Outcome.INTERRUPTED
    try:
        _run(config, team, store, replays, loggers, progress, counters, checkpoint)
        outcome = Outcome.FINISHED
    finally:
        loggers.close()
        team.close()
        rows = read_rows(folder.metrics)
        seconds = time.perf_counter() - began
        summary = summarise(config, rows, command=command, run_id=folder.run_id, wall_clock_s=seconds, outcome=outcome)
        write_json(folder.summary, summary)
        write_json(folder.marl_eval, marl_eval(config, rows))
    return rows


def _run(
    config: Config,
    team: LocalTeam,
    store: CheckpointStore,
    replays: RunReplays,
    loggers: Loggers,
    progress: Progress,
    counters: Counters,
    checkpoint: Checkpoint | None,
) -> None:
    def save(round_: int, arrays: ArrayRecord, facts: Mapping[str, Any]) -> None:
        shared = _tensors(arrays)
        shown = replays.show(round_, shared)
        store.save(round_, {**team.state(), "aggregate": shared}, facts, team.rings)
        replays.keep_round(round_, shown)

    def save_best(round_: int, arrays: ArrayRecord, facts: Mapping[str, Any]) -> None:
        store.save_best(team.networks(), facts)
        replays.keep_best(round_)

    strategy = make_strategy(config, team.spec.n_agents, first_round=counters.round + 1)
    round_end = RoundEnd(
        strategy,
        team.mixer,
        loggers,
        config.stop,
        config.checkpoint,
        save,
        save_best,
        progress.update,
        counters,
    )
    arrays = None
    if checkpoint is not None:
        if round_end.finished():
            progress.note("this run is complete; stop.env_steps=... makes it go on")
            return
        arrays = _arrays(checkpoint.tensors["aggregate"])
    else:
        save(0, ArrayRecord(), vars(counters))  # a run can be resumed, and its disk written, from the start
    grid = LocalGrid(
        team.spec.n_agents, partial(answer, team.agents, team.world, team.mixer, watcher=replays.evaluations)
    )
    server_app(strategy, round_end, arrays)(grid, server_context())


def make_strategy(config: Config, n_agents: int, first_round: int = 1) -> TeamStrategy:
    """Build the configured strategy for a team."""
    return strategy_class(config.strategy)(
        config.strategy,
        n_agents,
        env_steps=config.stop.env_steps,
        evaluate_every=config.evaluation.every_env_steps,
        evaluate_episodes=config.evaluation.episodes,
        first_round=first_round,
    )


def _tensors(arrays: ArrayRecord) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.numpy().copy()) for name, array in arrays.items()}


def _arrays(tensors: Mapping[str, torch.Tensor]) -> ArrayRecord:
    return ArrayRecord({name: Array(cast(Any, value.numpy())) for name, value in tensors.items()})
