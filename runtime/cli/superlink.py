"""`fedqmix superlink`: run Flower's SuperLink for a federation of fedqmix.

It runs in this process, because its preparation has loaded most of Flower already.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration.allowed import Allowed
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.parties import LISTEN
from fedqmix.runtime.flower import internals
from fedqmix.runtime.flower.environment import environment, security
from fedqmix.runtime.processes.open_files import raise_open_files
from fedqmix.runtime.storage.private import PRIVATE, private_folder
from fedqmix.runtime.transport.identity import Identity

if TYPE_CHECKING:
    from fedqmix.runtime.flower.access import Node

HELP = """\
fedqmix superlink certs=DIR [name=value ...]    Flower's SuperLink; SuperNodes connect to it, runs are submitted to it

  certs=DIR                the folder of superlink's certificate; it admits the SuperNodes whose keys lie there
  insecure=true            no encryption; any caller may join as a SuperNode, and submit any program
  listen=127.0.0.1:8000    the address to listen on; 0.0.0.0:8000 for other machines, too
  world=HOST:PORT          addresses of the world and the mixer; runs need both
  mixer=HOST:PORT
  runs=runs                the folder of all run folders
  allow=CODE[,...]         code that submitted runs may name in *.code: module, module:Class, or a file NAME.py;
                           the word wandb allows logger=wandb. By default none, and logger=jsonl and tensorboard
  state=superlink-state    its state over restarts: the identities of its SuperNodes

It answers certificates of the federation's authority only: supernode-K may make the calls of SuperNode K, submit those
of `fedqmix submit`, every party those of `fedqmix health`. It runs the installed fedqmix, and no code that it receives.
"""
_OPTIONS = ("certs", "insecure", "listen", "world", "mixer", "runs", "allow", "state")


def superlink_command(words: list[str]) -> int:
    """Run flower-superlink until it is stopped."""
    options = service_options.parse("superlink", words, _OPTIONS)
    identity = service_options.identity("superlink", options, "superlink")
    certs = identity.folder if identity else None
    if identity is not None:
        internals.require_tested()
    host, port = service_options.address("listen", options.get("listen", LISTEN["superlink"]))
    raise_open_files()
    variables = _variables(options, certs) | {"FEDQMIX_UMASK": f"{os.umask(PRIVATE):o}"}
    state = private_folder(Path(options.get("state", "superlink-state")).absolute())
    os.environ.update(environment(state / "flower", variables))  # Flower reads them when it is imported
    logging.getLogger("flwr").propagate = False  # it has its own handler; ours would print every message twice
    nodes = _prepare(state, certs)
    os.environ["FEDQMIX_NODES"] = json.dumps({str(node.id): _number(name) for name, node in nodes.items()})
    _run(_arguments(certs, host, port, state), identity, nodes)
    return 0


def _variables(options: dict[str, str], certs: Path | None) -> dict[str, str]:
    """Return the ServerApp's environment variables.

    Raises ConfigurationError for an invalid allow=.
    """
    for name in ("world", "mixer"):
        if name in options:
            service_options.address(name, options[name])
    places = {f"FEDQMIX_{name.upper()}": options[name] for name in ("world", "mixer") if name in options}
    runs = Path(options.get("runs", "runs")).absolute()
    variables = {**places, **security(certs), "FEDQMIX_RUNS": str(runs)}
    return variables | {"FEDQMIX_ALLOW": Allowed.parse(options.get("allow", "")).text}


def _prepare(state: Path, certs: Path | None) -> dict[str, Node]:
    from fedqmix.runtime.flower.superlink_state import prepare  # here, because it loads Flower

    keys = [] if certs is None else sorted(certs.glob("supernode-*.pub"))
    for path in keys:
        if not path.stem.removeprefix("supernode-").isdecimal():
            raise ConfigurationError(f"{path} must be called supernode-K.pub, with the number of its SuperNode for K.")
    if certs is not None and not keys:
        raise ConfigurationError(
            f"{certs} holds no supernode-K.pub, so no SuperNode could join. `fedqmix certs` writes them to the folder "
            "of superlink; copy all of that folder."
        )
    (state / "flower").mkdir(parents=True, exist_ok=True)
    return prepare(state / "superlink.sqlite", keys)


def _number(party: str) -> int:
    return int(party.removeprefix("supernode-"))


def _run(arguments: list[str], identity: Identity | None, nodes: dict[str, Node]) -> None:
    from fedqmix.runtime.flower import superlink  # here, because it loads Flower

    superlink.run(arguments, identity, nodes)


def _arguments(certs: Path | None, host: str, port: int, state: Path) -> list[str]:
    arguments = ["--host", host, "--port", str(port)]
    arguments += ["--database", str(state / "superlink.sqlite"), "--disable-runtime-dependency-installation"]
    if certs is None:
        return [*arguments, "--insecure"]
    files = {"--ssl-certfile": "party.crt", "--ssl-keyfile": "party.key", "--ssl-ca-certfile": "ca.crt"}
    secure = [word for name, file in files.items() for word in (name, str(certs / file))]
    return [*arguments, *secure, "--enable-supernode-auth"]
