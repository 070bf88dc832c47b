"""A toy team as a federation: a world and a mixer behind real gRPC on loopback, and agents that reach them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import torch
from toy_team import CPU, algorithm, make_agents, make_learner
from toy_world import ToyWorld, toy_spec

from contracts.attempt import Attempt
from contracts.errors import CheckpointError
from contracts.world import Purpose
from coupling.control_remote import RemoteControl
from coupling.mixer_remote import RemoteMixer
from coupling.mixer_service import MixerService
from coupling.sink_remote import RemoteTeamSink
from coupling.world_remote import RemoteWorld
from coupling.world_service import WorldService

LIMIT = 64 * 2**20
OPTIONS = [
    ("grpc.max_receive_message_length", LIMIT),
    ("grpc.max_send_message_length", LIMIT),
    ("grpc.so_reuseport", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
SPEC = toy_spec()
ATTEMPT = Attempt("a run", 1, 1)


def nobody(_context) -> None:
    """The name of every caller on a plain channel."""


class ToySide:
    """contracts of coupling.mixer_service.MixerSide around a toy team's learner; keeps its checkpoints in a dict.

    checkpoints: outlives the process in which the mixer's side runs, as a folder would.
    """

    def __init__(self, settings, checkpoints) -> None:
        self.learner = self.mixer = make_learner(SPEC, settings)
        self.sink, self.spec, self.device = self.learner.records, SPEC, CPU
        self.checkpoints = checkpoints
        checkpoints.setdefault(0, (copy.deepcopy(self.learner.state()), None))

    def transitions(self) -> int:
        return int(self.learner.records.ring.lengths(self.learner.slots).sum())

    def restore(self, round: int) -> Mapping[str, float] | None:
        if round not in self.checkpoints:
            raise CheckpointError(f"round {round} was never finished")
        state, report = copy.deepcopy(self.checkpoints[round])
        self.learner.load_state(state)
        return report

    def save(self, round: int, report: Mapping[str, float] | None) -> None:
        self.checkpoints[round] = copy.deepcopy((self.learner.state(), report))

    def report(self) -> dict[str, float]:
        return self.learner.report()

    def evaluation_return(self) -> float | None:
        return self.learner.evaluation_return() if Purpose.EVALUATION in self.learner.records.results else None

    def close(self) -> None:
        pass


def start(service, port: int = 0, workers: int = 16) -> tuple[grpc.Server, int]:
    """Serve on loopback; return the server and its port."""
    server = grpc.server(ThreadPoolExecutor(workers), options=OPTIONS)
    service.add_to(server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


def channel(port: int) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)


class Federation:
    """World and mixer of a toy team, served; `via` may put a proxy in front of a port."""

    def __init__(self, settings=None, peer=nobody, patience: float = 20.0, via=lambda port: port) -> None:
        self.settings, self.peer, self.patience = settings or algorithm(), peer, patience
        self.via, self.checkpoints, self.sides, self.worlds = via, {}, [], []
        self._channels: list[grpc.Channel] = []
        self.mixer_server, self.mixer_port = start(self.mixer_service())
        self.world_server, self.world_port = start(self.world_service())

    def mixer_service(self) -> MixerService:
        def make(_run: str, _config: str) -> ToySide:
            self.sides.append(ToySide(self.settings, self.checkpoints))
            return self.sides[-1]

        self.mixer = MixerService(make, self.peer, self.patience)
        return self.mixer

    def world_service(self) -> WorldService:
        def make(_config: str, sink) -> ToyWorld:
            self.worlds.append(ToyWorld(SPEC, 5, sink))
            return self.worlds[-1]

        sink = RemoteTeamSink(self.channel(self.via(self.mixer_port)), self.patience)
        self.world = WorldService(make, sink, self.peer, self.patience)
        return self.world

    def channel(self, port: int) -> grpc.Channel:
        self._channels.append(channel(port))
        return self._channels[-1]

    def open(self, attempt: Attempt = ATTEMPT, kind: str = "train", config: str = "settings") -> None:
        for control in self.controls():
            control.open(attempt, kind, config)

    def controls(self) -> tuple[RemoteControl, RemoteControl]:
        """Of the mixer and of the world."""
        ports = (self.mixer_port, "the mixer"), (self.world_port, "the world")
        return tuple(RemoteControl(self.channel(port), whom, self.patience) for port, whom in ports)

    def remote(self, agent: int, attempt: Attempt = ATTEMPT) -> tuple[RemoteWorld, RemoteMixer]:
        """The world and the mixer as an agent reaches them."""
        world, mixer = (self.channel(self.via(port)) for port in (self.world_port, self.mixer_port))
        return (
            RemoteWorld(world, agent, attempt, SPEC, self.patience),
            RemoteMixer(mixer, agent, attempt, self.patience),
        )

    def stacks(self):
        return [make_agents((agent,), SPEC, self.settings) for agent in range(SPEC.n_agents)]

    def close(self) -> None:
        for own in self._channels:
            own.close()
        for server in (self.world_server, self.mixer_server):
            server.stop(0).wait()


@contextmanager
def federation(**options):
    """A federation that is shut down afterwards."""
    own = Federation(**options)
    try:
        yield own
    finally:
        own.close()


def together(act, agents: int = SPEC.n_agents) -> list:
    """Let every agent act in a thread of its own; return what came of each: a result or the error it raised."""

    def caught(agent: int):
        try:
            return act(agent)
        except Exception as error:
            return error

    with ThreadPoolExecutor(agents) as pool:
        return list(pool.map(caught, range(agents)))


def same_parameters(stacks, learner, team) -> None:
    """Assert that stacks of one have learned what one stack of all has."""
    for agent, stack in enumerate(stacks):
        assert stack.train_steps == team.agents.train_steps
        for name, value in stack.online.items():
            torch.testing.assert_close(value[0], team.agents.online[name][agent], atol=1e-5, rtol=1e-5)
    for name, value in learner.mixer.named_parameters():
        torch.testing.assert_close(value, team.learner.mixer.get_parameter(name), atol=1e-5, rtol=1e-5)
