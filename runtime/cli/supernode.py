"""`fedqmix supernode`: run Flower's SuperNode, which forwards one agent's messages."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.flower.environment import environment, security
from fedqmix.runtime.processes.open_files import raise_open_files
from fedqmix.runtime.processes.ports import free_ports
from fedqmix.runtime.storage.private import PRIVATE, private_folder

HELP = """\
fedqmix supernode id=K superlink=HOST:PORT agent=HOST:PORT certs=DIR [name=value ...]    Flower's SuperNode of agent K

  id=K                     number of the agent, from 0
  superlink=HOST:PORT      the SuperLink's address
  agent=HOST:PORT          the address of `fedqmix agent id=K`
  certs=DIR                the folder of supernode-K's certificate and key
  insecure=true            no encryption, no authentication
  state=supernode-K-state  the folder into which Flower unpacks its apps
  listen=127.0.0.1:PORT    the address for its own apps alone; by default a free port of this machine
"""
_OPTIONS = ("id", "superlink", "agent", "certs", "insecure", "state", "listen")
_EXAMPLE = "fedqmix supernode id=0 superlink=link:8000 agent=127.0.0.1:9200 certs=certs/supernode-0"


def supernode_command(words: list[str]) -> int:
    """Run flower-supernode until it ends."""
    options = service_options.parse("supernode", words, _OPTIONS)
    number = service_options.required("supernode", options, "id", _EXAMPLE)
    if not number.isdecimal():
        raise ConfigurationError(f"id={number} must be a whole number, 0 or above")
    superlink, agent = (service_options.required("supernode", options, name, _EXAMPLE) for name in _OPTIONS[1:3])
    for name in ("superlink", "agent"):
        service_options.address(name, options[name])
    identity = service_options.identity("supernode", options, f"supernode-{number}")
    certs = identity.folder if identity else None
    raise_open_files()
    os.umask(PRIVATE)
    home = private_folder(Path(options.get("state", f"supernode-{number}-state")).absolute()) / "flower"
    home.mkdir(exist_ok=True)
    host, port = service_options.address("listen", options.get("listen", f"127.0.0.1:{free_ports(1)[0]}"))
    arguments = ["--superlink", superlink, "--host", host, "--port", str(port)]
    arguments += ["--node-config", f'partition-id={number} agent="{agent}"', *_secure(certs)]
    os.environ.update(environment(home, {**security(certs), "FEDQMIX_AGENT": agent}))  # before Flower is imported
    logging.getLogger("flwr").propagate = False  # it has its own handler; ours would print every message twice
    from fedqmix.runtime.flower.quick_supernode import run

    run(arguments, superlink, home, certs)
    return 0


def _secure(certs: Path | None) -> list[str]:
    """Return the arguments with keys and certificates, for the SuperLink and the node's apps."""
    if certs is None:
        return ["--insecure"]
    files = {
        "--root-certificates": "ca.crt",
        "--auth-supernode-private-key": "auth.key",
        "--ssl-certfile": "party.crt",
        "--ssl-keyfile": "party.key",
        "--ssl-ca-certfile": "ca.crt",
    }
    return [word for name, file in files.items() for word in (name, str(certs / file))]
