"""`fedqmix up`: a whole federation as processes of this machine, for one run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from contracts.errors import ConfigurationError
from coupling.identity import Identity
from envs import require_world
from envs.maps import load_map
from runtimes.commands import service_options
from runtimes.commands.submit import checked, follow
from runtimes.configuration.allowed import Allowed
from runtimes.configuration.names import program
from runtimes.configuration.overrides import quoted
from runtimes.deployment.following import Following
from runtimes.deployment.one_machine import Deployment
from runtimes.deployment.submission import SuperLink
from runtimes.deployment.temporary_certs import make_certificates
from runtimes.processes import Supervisor, interruptible
from strategies import strategy_class

HELP = """\
fedqmix up [name=value ...]    train as a federation: world, mixer, SuperLink, and an agent with its SuperNode for each
                               unit of the map, all of them processes of this machine that speak over the network

  patience=300    seconds to bear with a service that does not answer, or does not get ready
  insecure=true   no encryption; by default everybody has a certificate that is made for this run

Everything else is an override, as for `fedqmix train`. A process that dies is started again, and the run goes on from
the last finished round. RUN/logs/ holds what each process says, RUN/state/ what each keeps for itself.
Ctrl-C ends everything; go on with: fedqmix up resume=RUN
"""
OPTIONS = ("patience", "insecure")


def up_command(words: list[str]) -> int:
    """Start everything, train, end everything; return 0 when the run has finished."""
    options, overrides = service_options.beside_overrides("up", words, OPTIONS)
    patience = service_options.seconds(options, "patience", 300.0)
    insecure = service_options.flag(options, "insecure", default=False)
    overrides, run_dir, config = checked(overrides)
    if config is None:
        raise ConfigurationError(f"there is no folder {run_dir} to go on from.")
    require_world(config.map, config.env)
    strategy_class(config.strategy)  # one of the user's own must be there
    folder = Path(run_dir).resolve()
    again = " ".join([f"{program()} up", *service_options.written(options), f"resume={quoted(str(folder))}"])
    with interruptible(), ExitStack() as stack:
        agents = load_map(config.map).n_agents
        console = Console()
        supervisor = stack.enter_context(Supervisor(lambda said: console.print(Text(said), soft_wrap=True)))
        certs = None if insecure else supervisor.private_folder()
        if certs is not None:
            make_certificates(certs, agents)
        deployment = Deployment(folder, agents, certs, allowed=Allowed.by(config))
        console.print(
            Text(f"starting {len(deployment.services())} processes; their logs: {deployment.logs}"), soft_wrap=True
        )
        deployment.start(supervisor, patience)
        identity = None if certs is None else Identity(certs / "submit")
        link = stack.enter_context(SuperLink(deployment.superlink, identity))
        name = f"runs/{folder.name}"  # as the SuperLink knows it, whose runs= is the folder around it
        following = Following(link, _named(overrides, name), name, folder, patience)
        follow(following, config, folder, supervisor.tend, again)
    return 0


def _named(overrides: list[str], name: str) -> list[str]:
    """Return the overrides with the run folder's name in the SuperLink's folder of runs."""
    return [
        f"{word.partition('=')[0]}={quoted(name)}" if word.startswith(("resume=", "run_dir=")) else word
        for word in overrides
    ]
