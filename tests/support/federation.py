"""A toy team as a federation: a world and a mixer behind real gRPC on loopback, and agents that reach them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import torch

from fedqmix.algorithms import find_algorithm
from fedqmix.runtime.cli.services import WORKERS
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.core.facts import Learned, Returns
from fedqmix.runtime.core.timeline import Timeline, timeline
from fedqmix.runtime.core.world import Purpose
from fedqmix.runtime.transport import security
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.control_remote import RemoteControl
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.local_socket import local_path
from fedqmix.runtime.transport.mixer_remote import RemoteMixer
from fedqmix.runtime.transport.mixer_service import MixerService
from fedqmix.runtime.transport.security import Identity, RunningServer
from fedqmix.runtime.transport.sink_remote import RemoteTeamSink
from fedqmix.runtime.transport.world_remote import RemoteWorld
from fedqmix.runtime.transport.world_service import WorldService
from support.toy_team import CPU, algorithm, make_agents, make_learner
from support.toy_world import ToyWorld, toy_spec

SPEC = toy_spec()
ATTEMPT = Attempt("a run", 1, 1)
SOCKETS: Path | None = None
"""Where federations make folders for local sockets; None: they use gRPC alone."""


class ToySide:
    """A runtime.transport.mixer_service.MixerSide around a toy team's learner; keeps its checkpoints in a dict.

    checkpoints: outlives the process in which the mixer's side runs, as a folder would.
    """

    def __init__(self, settings, checkpoints) -> None:
        self.learner = self.coordinator = make_learner(SPEC, settings)
        self.rows = self.learner.rows
        self.sink, self.spec, self.device = self.learner.records, SPEC, CPU
        self.checkpoints = checkpoints
        checkpoints.setdefault(0, (copy.deepcopy(self.learner.state()), None))

    def timeline(self) -> Timeline:
        return timeline(self.learner.records.ring.lengths(self.learner.slots))

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

    def learned(self) -> Learned:
        return self.learner.learned()

    def forget_faults(self) -> None:
        self.learner.forget_faults()

    def episode_means(self) -> dict[str, float]:
        return self.learner.episode_means()

    def evaluation_returns(self) -> dict[str, Returns]:
        played = self.learner.records.results(Purpose.EVALUATION)
        return {"evaluation": self.learner.evaluation_return()} if played else {}

    def close(self) -> None:
        pass


def say(service: str, method, message):
    """Say something on a stream, as it is; return the reply."""
    conversation = Conversation(Line(service, 1), method)
    try:
        return conversation.call(message)
    finally:
        conversation.close()


def start(service, port: int = 0, identity: Identity | None = None, **limits) -> tuple[RunningServer, int]:
    """Serve on loopback, with as many threads as `fedqmix world`; return the server and its port."""
    running = security.server(identity, [service.add_to], f"127.0.0.1:{port}", workers=WORKERS, **limits)
    return running, running.port


def channel(port: int) -> grpc.Channel:
    """A plain channel to a port of loopback."""
    return security.channel(None, f"127.0.0.1:{port}", "nobody")


class Federation:
    """World and mixer of a toy team, served.

    certificates: everybody's identity by name; None: plain channels. via: may put a proxy in front of a port.
    sockets: a private folder for local sockets; None: gRPC alone. limits: of both servers, see
    runtime.transport.security.server. varies: whether the size of the team is drawn for every episode.
    """

    def __init__(
        self,
        settings=None,
        certificates=None,
        patience: float = 20.0,
        via=lambda port: port,
        sockets: Path | None = None,
        varies: bool = False,
        **limits,
    ) -> None:
        self.varies = varies
        self.limits = limits
        self.sockets = Path(tempfile.mkdtemp(dir=SOCKETS)) if sockets is None and SOCKETS is not None else sockets
        self.settings, self.certificates, self.patience = settings or algorithm(), certificates or {}, patience
        self.via, self.checkpoints, self.sides, self.worlds = via, {}, [], []
        self._channels: list[grpc.Channel] = []
        self.mixer_port = self.world_port = 0
        self.start_mixer()
        self.start_world()

    def start_mixer(self) -> None:
        """Serve the mixer, where it was served before if it was."""

        def make(_run: str, _config: str) -> ToySide:
            self.sides.append(ToySide(self.settings, self.checkpoints))
            return self.sides[-1]

        self.mixer = MixerService(make, security.peer, self.patience)
        identity = self.certificates.get("mixer")
        self.mixer_server, self.mixer_port = start(
            self.mixer, self.mixer_port, identity, local=local_path(self.sockets, "mixer"), **self.limits
        )

    def start_world(self) -> None:
        """Serve the world, where it was served before if it was."""

        varies = self.varies

        def make(_config: str, sink) -> ToyWorld:
            self.worlds.append(ToyWorld(SPEC, 5, sink, varies))
            return self.worlds[-1]

        sink = RemoteTeamSink(self.channel("world", "mixer", self.via), self.patience)
        self.world = WorldService(make, sink, security.peer, self.patience)
        identity = self.certificates.get("world")
        self.world_server, self.world_port = start(
            self.world, self.world_port, identity, local=local_path(self.sockets, "world"), **self.limits
        )

    def channel(self, caller: str, party: str, via=lambda port: port) -> grpc.Channel:
        """A channel from one party to the world or the mixer."""
        port = via({"world": self.world_port, "mixer": self.mixer_port}[party])
        local = local_path(self.sockets, party)
        self._channels.append(security.channel(self.certificates.get(caller), f"127.0.0.1:{port}", party, local))
        return self._channels[-1]

    def open(self, attempt: Attempt = ATTEMPT, kind: str = "train", config: str = "settings") -> None:
        """Open an attempt everywhere."""
        for control in self.controls():
            control.open(attempt, kind, config)

    def controls(self, caller: str = "superlink") -> tuple[RemoteControl, RemoteControl]:
        """Of the mixer and of the world."""
        return tuple(
            RemoteControl(self.channel(caller, service), f"the {service}", 20) for service in ("mixer", "world")
        )

    def remote(self, agent: int, attempt: Attempt = ATTEMPT, caller: str = "") -> tuple[RemoteWorld, RemoteMixer]:
        """The world and the mixer as an agent reaches them. caller: who shows its certificate, if not the agent."""
        world, mixer = (self.channel(caller or f"agent-{agent}", service, self.via) for service in ("world", "mixer"))
        return (
            RemoteWorld(world, agent, attempt, SPEC, self.patience),
            RemoteMixer(mixer, agent, attempt, find_algorithm(self.settings).rows, self.patience),
        )

    def stacks(self):
        """Agents, each in a stack of its own, that have learned nothing yet."""
        return [make_agents((agent,), SPEC, self.settings) for agent in range(SPEC.n_agents)]

    def close(self) -> None:
        """Shut everything down."""
        for own in self._channels:
            own.close()
        for server in (self.world_server, self.mixer_server):
            server.stop(0)


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
    """Assert that stacks of one have learned what one stack of all has, bit for bit."""
    whole = team.agents.state()
    for agent, stack in enumerate(stacks):
        assert stack.train_steps == team.agents.train_steps
        for name, value in stack.state().items():
            own = whole[name] if name == "counters" or "adam.step." in name else whole[name][agent : agent + 1]
            assert torch.equal(value, own), f"{name} of agent {agent}"
    mixer = team.learner.state()
    for name, value in learner.state().items():
        assert name in ("sums", "battle_sums") or torch.equal(value, mixer[name]), (
            name
        )  # of a report that was asked for
