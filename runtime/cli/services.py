"""`fedqmix world`, `fedqmix mixer`, `fedqmix agent`: run a federation's long-lived services."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration.allowed import Allowed
from fedqmix.runtime.core.errors import ConfigurationError, StorageError
from fedqmix.runtime.deployment.parties import LISTEN
from fedqmix.runtime.processes.open_files import raise_open_files
from fedqmix.runtime.storage.private import PRIVATE, private_folder
from fedqmix.runtime.transport.admission import PLACES
from fedqmix.runtime.transport.calls import PATIENCE_S
from fedqmix.runtime.transport.local_socket import socket_path
from fedqmix.runtime.transport.security import Identity, channel, peer, server

_WORLD_HELP = """\
fedqmix world mixer=HOST:PORT certs=DIR [name=value ...]    plays the episodes of all agents

  mixer=HOST:PORT          the mixer's address: it alone receives states and team rewards
  certs=DIR                the folder of world's certificate
  insecure=true            no encryption, no authentication of callers
  listen=127.0.0.1:9101    the address to listen on; 0.0.0.0:9101 for other machines, too
  sockets=DIR              a private folder of this user: parties of this machine that name it exchange the messages of
                           every step over sockets in it, which is quicker (Linux)
  patience=300             seconds to wait for an agent, or the mixer, that is missing
  allow=CODE[,...]         code that runs may name in env.code: module, module:NAME, or a file
"""
_MIXER_HELP = """\
fedqmix mixer certs=DIR [name=value ...]    couples the agents: holds the mixing network, states and team rewards

  certs=DIR                the folder of mixer's certificate
  insecure=true            no encryption, no authentication of callers
  listen=127.0.0.1:9102    the address to listen on; 0.0.0.0:9102 for other machines, too
  sockets=DIR              as of the world, for parties of this machine
  state=mixer-state        its private folder: its state after the last rounds of each run
  patience=300             seconds to wait for an agent that is missing
  allow=CODE[,...]         code that runs may name in algorithm.code and model.code: module, module:NAME, or a file
"""
_AGENT_HELP = """\
fedqmix agent id=K world=HOST:PORT mixer=HOST:PORT certs=DIR [name=value ...]    one agent: network and private episodes

  id=K                     number of the agent in the team, from 0
  world=, mixer=HOST:PORT  addresses of world and mixer
  certs=DIR                the folder of agent-K's certificate
  insecure=true            no encryption, no authentication of callers
  listen=127.0.0.1:9103    the address for its SuperNode; 0.0.0.0:9103 for other machines, too
  sockets=DIR              as of the world, when world and mixer run on this machine
  state=agent-K-state      its private folder: networks and episodes after the last rounds of each run
  allow=CODE[,...]         as of the mixer
  hold=20                  seconds until a caller is told that the answer takes longer, and asks again
"""
HELP = {"world": _WORLD_HELP, "mixer": _MIXER_HELP, "agent": _AGENT_HELP}
SERVED_LOCALLY = ("world", "mixer")
"""Parties whose streams are served on a local socket, too."""
GRACE_S = 2.0
MOST_AGENTS = 32
"""No map has more agents (27m_vs_30m has 27)."""
WORKERS = 4 * PLACES * MOST_AGENTS + 64
"""More threads than the calls of all parties can occupy.

An agent occupies at most PLACES with each of the mixer's four methods, the world and the server fewer than 64. A thread
is only made when it is needed.
"""


@dataclass(frozen=True)
class _Service:
    """A service: its gRPC handlers, its number of threads, and the release of its resources."""

    handlers: Sequence[Callable[[grpc.Server], None]]
    workers: int
    close: Callable[[], None]


def world_command(words: list[str]) -> int:
    """Serve the world until SIGTERM or Ctrl-C."""
    names = ("mixer", "certs", "insecure", "listen", "sockets", "patience", "allow")
    options = service_options.parse("world", words, names)
    return _serve("world", options, LISTEN["world"], _world)


def mixer_command(words: list[str]) -> int:
    """Serve the mixer until SIGTERM or Ctrl-C."""
    options = service_options.parse(
        "mixer", words, ("certs", "insecure", "listen", "sockets", "state", "patience", "allow")
    )
    return _serve("mixer", options, LISTEN["mixer"], _mixer)


def agent_command(words: list[str]) -> int:
    """Serve one agent until SIGTERM or Ctrl-C."""
    names = ("id", "world", "mixer", "certs", "insecure", "listen", "sockets", "state", "hold", "allow")
    options = service_options.parse("agent", words, names)
    return _serve(f"agent-{_agent_id(options)}", options, LISTEN["agent"], _agent)


def _world(options: Mapping[str, str], identity: Identity | None) -> _Service:
    from fedqmix.runtime.deployment.world import make  # loads the skirmish rules
    from fedqmix.runtime.transport.sink_remote import RemoteTeamSink
    from fedqmix.runtime.transport.world_service import WorldService

    patience = service_options.seconds(options, "patience", PATIENCE_S)
    sink = RemoteTeamSink(_channel("world", options, "mixer", identity), patience)
    allowed = Allowed.parse(options.get("allow", ""))
    service = WorldService(lambda config, to: make(config, to, allowed), sink, peer, patience)
    return _Service([service.add_to], WORKERS, service.close)


def _mixer(options: Mapping[str, str], identity: Identity | None) -> _Service:
    from fedqmix.runtime.deployment.mixer import DeployedMixer  # loads torch
    from fedqmix.runtime.transport.mixer_service import MixerService

    state = _state("the mixer", options.get("state", "mixer-state"))
    patience = service_options.seconds(options, "patience", PATIENCE_S)
    allowed = Allowed.parse(options.get("allow", ""))
    service = MixerService(lambda run, config: DeployedMixer(state, run, config, allowed), peer, patience)
    return _Service([service.add_to], WORKERS, service.close)


def _agent(options: Mapping[str, str], identity: Identity | None) -> _Service:
    from fedqmix.clients.service import HOLD_S, AgentService
    from fedqmix.runtime.deployment.agent import DeployedAgent  # loads torch and Flower
    from fedqmix.runtime.transport.proto.agent_pb2_grpc import add_AgentServicer_to_server

    number = _agent_id(options)
    state = _state(f"agent {number}", options.get("state", f"agent-{number}-state"))
    world, mixer = (_channel("agent", options, party, identity) for party in ("world", "mixer"))
    agent = DeployedAgent(number, world, mixer, state, Allowed.parse(options.get("allow", "")))
    service = AgentService(number, agent.answer, hold_s=service_options.seconds(options, "hold", HOLD_S))
    return _Service([lambda to: add_AgentServicer_to_server(service, to)], 8, service.close)


def _serve(
    party: str,
    options: Mapping[str, str],
    listen: str,
    make: Callable[[Mapping[str, str], Identity | None], _Service],
) -> int:
    """Serve as a party until SIGTERM or SIGINT; running calls get GRACE_S seconds to finish."""
    os.umask(PRIVATE)
    identity = service_options.identity(party.partition("-")[0], options, party)
    address = options.get("listen", listen)
    service_options.address("listen", address)
    for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(threads, "1")  # for threads that only carry calls; runtime.threads sets the learner's
    raise_open_files()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    service = make(options, identity)
    local = _socket(options, party) if party in SERVED_LOCALLY else None
    running = server(identity, service.handlers, address, service.workers, local=local)
    print(f"{party} listens on {address}{' (insecure)' if identity is None else ''}", flush=True)
    ended.wait()
    running.stop(GRACE_S)
    service.close()
    os._exit(0)  # a thread may still wait for a party that has ended; all state is on disk


def _state(party: str, folder: str) -> Path:
    """Make a party's private folder, and return it. Raises StorageError."""
    try:
        return private_folder(Path(folder).absolute())
    except OSError as error:
        raise StorageError(f"{party} could not make its private folder, state={folder}: {error.strerror}.") from error


def _channel(command: str, options: Mapping[str, str], party: str, identity: Identity | None) -> grpc.Channel:
    address = service_options.required(command, options, party, f"{party}=127.0.0.1:9101")
    service_options.address(party, address)
    return channel(identity, address, party, _socket(options, party))


def _socket(options: Mapping[str, str], party: str) -> Path | None:
    """Return where a party listens on this machine; None where the parties use gRPC alone."""
    folder = options.get("sockets")
    return None if folder is None else socket_path(Path(folder).absolute(), party)


def _agent_id(options: Mapping[str, str]) -> int:
    text = service_options.required("agent", options, "id", "id=0 is the first agent of the team")
    if not text.isdecimal() or int(text) >= MOST_AGENTS:
        raise ConfigurationError(f"id={text} must be a number from 0 to {MOST_AGENTS - 1}")
    return int(text)
