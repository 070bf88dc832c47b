"""The ServerApp's part of a deployment on a SuperLink (called by server.app:app)."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from flwr.app import Context
from flwr.serverapp import Grid

from fedqmix.conf.schema import Config
from fedqmix.envs import require_world, team_spec
from fedqmix.runtime.configuration import overrides as written
from fedqmix.runtime.configuration.allowed import Allowed
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.runs import in_runs, own_folder
from fedqmix.runtime.configuration.settings import DEPLOYMENT, compose, require_deployed
from fedqmix.runtime.configuration.submitted import require_submittable, submitted
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, StorageError
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.deployment.byte_book import ByteBook
from fedqmix.runtime.deployment.members import require_members
from fedqmix.runtime.deployment.place import Place
from fedqmix.runtime.deployment.progress_file import PROGRESS, SENTENCE
from fedqmix.runtime.deployment.services import Services
from fedqmix.runtime.deployment.simulation import require_nodes, simulated, started
from fedqmix.runtime.runs.lifecycle.conduct import AGGREGATE, ServerOwned, Shared, conduct
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.storage.checkpoint import Checkpoint, CheckpointStore
from fedqmix.runtime.storage.files import write_whole
from fedqmix.runtime.storage.private import private_opener
from fedqmix.runtime.storage.untrusted import ADVICE, is_there, parse_json, read_file
from fedqmix.runtime.transport.ledger import LedgerLine
from fedqmix.runtime.transport.security import channel
from fedqmix.server.federation_grid import FederationGrid
from fedqmix.server.records import Row

LET_GO_S = 60.0
"""Seconds that a resumed run waits for the previous process to release the run folder."""
ATTEMPTS = "attempts"
"""The file in a run folder with the number of the run's last attempt."""


def serve(grid: Grid, context: Context) -> None:
    """Conduct one run with the `overrides` in the run configuration. Raises FedqmixError."""
    if umask := os.environ.get("FEDQMIX_UMASK"):
        os.umask(int(umask, 8))  # the user's umask for the run folder; the SuperLink's own state is private
    alone = simulated(grid, os.environ)
    place = None if alone else Place.from_environment(os.environ)
    runs = Path(os.environ.get("FEDQMIX_RUNS", "runs")).absolute()
    words = _words(str(context.run_config.get("overrides", "")))
    config = _configuration(words, runs, None if alone else Allowed.parse(os.environ.get("FEDQMIX_ALLOW", "")))
    n_agents = team_spec(config.map, config.env).n_agents
    require_members(config.map, config.env, None if place is None or place.nodes is None else place.nodes.values())
    if alone:
        require_nodes(grid, n_agents)
        require_world(config.map, config.env)  # the world will be started on this machine
    command = _command(words, alone)
    with _opened(config, command) as folder, ExitStack() as stack:
        progress = folder.path / PROGRESS
        gathered: list[Deployed] = []

        def gather() -> Deployed:
            gathered.append(Deployed(config, folder, there, grid, context, note))
            return gathered[0]

        def write(line: Mapping[str, Any]) -> None:
            with _writing(progress), progress.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

        def show(row: Row) -> None:
            write({**row, **gathered[0].times})

        def note(text: str) -> None:
            folder.logs.mkdir(mode=0o700, exist_ok=True)
            with open(folder.logs / "server.log", "a", encoding="utf-8", opener=private_opener) as file:
                file.write(f"{datetime.now():%H:%M:%S.%f} {text}\n")
            print(text, flush=True)  # the SuperLink's log

        def announce(text: str) -> None:
            write({SENTENCE: text})
            note(text)

        there = place or stack.enter_context(started(folder.path, n_agents, note))
        conduct(config, folder, command, gather, show, note, announce)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn an OSError of a run folder's file into a StorageError that names the server."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the server could not write {path}: {error.strerror}.") from error


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(
            f"the run's overrides cannot be split into words, as a shell does: {error}."
        ) from error


def _command(words: list[str], alone: bool) -> list[str]:
    if not alone:
        return ["fedqmix", "submit", *words]
    return ["flwr", "run", ".", "--run-config", f"overrides={json.dumps(shlex.join(words))}"]


def _opened(config: Config, command: list[str]) -> RunFolder:
    """Return the run folder; a killed SuperLink's ServerApp may hold it for half a minute."""
    deadline = time.monotonic() + LET_GO_S
    while True:
        try:
            return RunFolder.of(config, command)
        except StorageError as error:
            if config.resume is None or isinstance(error, CheckpointError) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


class Deployed:
    """A team in processes of its own (a runtime.runs.lifecycle.conduct.Federation)."""

    def __init__(
        self, config: Config, folder: RunFolder, place: Place, grid: Grid, context: Context, note: Callable[[str], None]
    ) -> None:
        self.n_agents = team_spec(config.map, config.env).n_agents
        self._channels = [channel(place.identity, place.world, "world"), channel(place.identity, place.mixer, "mixer")]
        world, mixer = self._channels
        self.mixer_side = Services(world, mixer, folder.run_id, place.patience, note)
        try:
            self.mixer_side.hold()
        except BaseException:
            self.close()
            raise
        settings = to_yaml(replace(config, resume=None, init_from=None))
        self._grid = FederationGrid(
            grid,
            self.n_agents,
            folder.run_id,
            self.mixer_side,
            Attempts(folder.path),
            settings,
            place.patience,
            note,
            place.agent_services,
            nodes=place.nodes,
        )
        self._context = context
        self._book = ByteBook(folder.path)

    @property
    def times(self) -> dict[str, float]:
        """The durations of the last round's messages; see server.federation_grid."""
        return self._grid.times

    @property
    def game(self) -> str:
        """The game that the world reported."""
        return self.mixer_side.game

    def facts(self) -> Facts:
        """Return the facts of world and mixer about the last answered message."""
        return self.mixer_side.facts()

    def grid(self) -> tuple[Grid, Context]:
        """Return the SuperLink's Grid, on which a round is a transaction."""
        return self._grid, self._context

    def resume(self, checkpoint: Checkpoint) -> None:
        """Do nothing: agents and mixer load their own states of the round that a message names."""

    def begin_with(self, mixer: Mapping[str, torch.Tensor]) -> None:
        """Let the mixer begin with other parameters; the server sends them with the first round."""
        self.mixer_side.initial = {name: value.numpy() for name, value in mixer.items()}

    def save(self, store: CheckpointStore, round_: int, owned: ServerOwned, facts: Mapping[str, Any]) -> None:
        """Save the server's state: the aggregate, the strategy's state, and its counters."""
        self._book.take([*self.mixer_side.ledger(), *_flower_lines(self._grid)])
        store.save(round_, owned, facts, {})

    def save_best(self, store: CheckpointStore, round_: int, shared: Shared, facts: Mapping[str, Any]) -> None:
        """Save the best evaluation's shared parameters."""
        store.save_best({AGGREGATE: shared}, facts)

    def close(self) -> None:
        """Release world and mixer for the next run, and close the channels to them."""
        self.mixer_side.close()
        for way in self._channels:
            way.close()


class Attempts:
    """The counter of a run's attempts over all restarts; a number is saved before it is used."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ATTEMPTS

    def __call__(self) -> int:
        """Return the next number. Raises CheckpointError when the file is damaged."""
        last = parse_json(self._path, read_file(self._path)) if is_there(self._path) else 0
        if type(last) is not int or last < 0:
            raise CheckpointError(f"{self._path} is damaged: it must hold a whole number, at least 0. {ADVICE}")
        with _writing(self._path):
            write_whole(self._path, str(last + 1).encode())
        return last + 1


def _flower_lines(grid: FederationGrid) -> list[LedgerLine]:
    return [
        LedgerLine(round_, f"agent-{agent}", channel_, up, down)
        for (round_, agent, channel_), (up, down) in grid.bytes.items()
    ]


def _configuration(words: list[str], runs: Path, allowed: Allowed | None) -> Config:
    """Compose the configuration.

    Every round is saved, because the agents keep only the last two. allowed: the code that the operator allows; None
    for the operator's own overrides, which may name any folder.
    """
    checked = _own(words, runs) if allowed is None else submitted(words, runs, allowed)
    config = compose(checked)
    if allowed is not None:
        require_submittable(config, allowed)
    require_deployed(config)
    if config.resume is None:
        folder = own_folder(config.run_dir, runs) if allowed is None else in_runs(config.run_dir, runs)
        config = replace(config, run_dir=str(folder))
    return replace(
        config,
        checkpoint=replace(config.checkpoint, every_rounds=1),
        # A resumed run finds its agents' states by the runtime's name.
        runtime=replace(config.runtime, name=DEPLOYMENT),
    )


def _own(words: list[str], runs: Path) -> list[str]:
    """Return the overrides with the absolute folders of the run to resume or to begin with."""
    placed = []
    for override in written.parse(words):
        name, value = override.key_or_group, override.value()
        if name in ("resume", "init_from") and value is not None:
            placed.append(f"{name}={written.quoted(str(own_folder(str(value), runs)))}")
        else:
            placed.append(str(override.input_line))
    return placed
