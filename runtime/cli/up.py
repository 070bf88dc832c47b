"""`fedqmix up`: train one run in a whole federation of processes on this machine."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.cli import service_options
from fedqmix.runtime.cli.submit import checked, follow
from fedqmix.runtime.configuration.allowed import Allowed, code_of
from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.configuration.overrides import quoted
from fedqmix.runtime.configuration.runs import RUN
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.deployment.submission import SuperLink
from fedqmix.runtime.deployment.temporary_certs import make_certificates
from fedqmix.runtime.processes import Supervisor, interruptible
from fedqmix.runtime.runs.lifecycle.folder import require_new
from fedqmix.runtime.runs.lifecycle.memory_need import of_federation, require_memory, settled
from fedqmix.runtime.runs.lifecycle.ready import device_warning, require_ready
from fedqmix.runtime.runs.lifecycle.writable import require_writable
from fedqmix.runtime.transport.identity import Identity

HELP = """\
fedqmix up [name=value ...]    train as a federation: world, mixer, SuperLink, and an agent with its SuperNode for each
                               unit of the map, all of them processes of this machine that communicate over the network

  patience=300    seconds to wait for a service that does not answer, or does not get ready
  insecure=true   no encryption; by default every process has a certificate that is made for this run

Everything else is an override, as for `fedqmix train`. A process that dies is started again, and the run resumes from
the last finished round. RUN/logs/ holds the processes' output, RUN/state/ their private states.
Ctrl-C ends all processes; resume with: fedqmix up resume=RUN
"""
OPTIONS = ("patience", "insecure")
ADVICE = "Free some memory; the same run in one process, `fedqmix train`, takes less."


def up_command(words: list[str]) -> int:
    """Start all processes, train, and end all processes; return 0 when the run has finished."""
    options, overrides = service_options.beside_overrides("up", words, OPTIONS)
    patience = service_options.seconds(options, "patience", 300.0)
    insecure = service_options.flag(options, "insecure", default=False)
    overrides, run_dir, config = checked(sharing_processors(overrides))
    if config is None:
        raise ConfigurationError(f"there is no folder {run_dir} to go on from.")
    require_ready(config)
    folder = Path(run_dir).resolve()
    if config.resume is None:
        require_new(folder)
        if config.init_from is not None:
            beside(Path(config.init_from), folder)  # the server's own error would come after all processes started
    else:
        require_writable(folder, "resume")
    errors = Console(stderr=True)
    advice = ADVICE if config.resume is None else settled(folder)
    warnings = [require_memory([of_federation(config)], "this federation", advice, resumed=config.resume is not None)]
    if config.resume is not None:
        warnings.append(device_warning(folder, config))
    for warning in filter(None, warnings):
        errors.print(Text(warning), soft_wrap=True)
    with interruptible():
        try:
            _train(config, folder, overrides, patience, insecure)
        except BaseException as error:  # only now it is known whether the run has begun
            if isinstance(error, KeyboardInterrupt) or (folder / RUN).exists():
                again = [*program().split(), "up", *service_options.written(options), *_again(overrides, folder)]
                errors.print(Text(f"\nthe run was ended early. Go on with: {shlex.join(again)}"), soft_wrap=True)
            raise
    return 0


def sharing_processors(overrides: list[str]) -> list[str]:
    """Add runtime=deployment to the overrides of a new run that choose no runtime.

    All parties share this machine's processors, so each computes with one thread (conf/runtime/deployment.yaml).
    The defaults of `fedqmix train` are for one process, and would start two threads for each party.
    """
    chosen = any(word.startswith(("runtime=", "resume=")) for word in overrides)
    return overrides if chosen else ["runtime=deployment", *overrides]


def _train(config: Config, folder: Path, overrides: list[str], patience: float, insecure: bool) -> None:
    """Start all processes, and follow the run to its end; all have ended afterwards.

    folder: absolute.
    """
    with ExitStack() as stack:
        agents = team_spec(config.map, config.env).n_agents
        console = Console()
        supervisor = stack.enter_context(Supervisor(lambda text: console.print(Text(text), soft_wrap=True)))
        private = supervisor.private_folder()
        certs = None if insecure else private
        if certs is not None:
            make_certificates(certs, agents)
        deployment = Deployment(folder, agents, certs, allowed=Allowed.by(config), sockets=private)
        console.print(
            Text(f"starting {len(deployment.services())} processes; their logs: {deployment.logs}"), soft_wrap=True
        )
        deployment.start(supervisor, patience)
        identity = None if certs is None else Identity(certs / "submit")
        link = stack.enter_context(SuperLink(deployment.superlink, identity))
        name = f"runs/{folder.name}"  # the name under the SuperLink's runs=, which is the parent folder
        following = Following(link, _named(overrides, name, config), name, folder, patience)
        follow(following, config, folder, supervisor.tend)


def _again(overrides: list[str], folder: Path) -> list[str]:
    """Return the words that resume the run in a folder, or begin it if it had not begun.

    overrides: those of the ended run, with its folder.
    """
    place = quoted(str(folder))
    others = [word for word in overrides if not word.startswith(("resume=", "run_dir="))]
    if not (folder / RUN).exists():
        return [*others, f"run_dir={place}"]
    resumed = any(word.startswith("resume=") for word in overrides)
    return [f"resume={place}", *(others if resumed else [])]


def _named(overrides: list[str], name: str, config: Config) -> list[str]:
    """Return the overrides with the run folder's name under the SuperLink's runs=, and with code by absolute paths."""
    values = {"resume": name, "run_dir": name, **dict(code_of(config))}
    if config.init_from is not None and config.resume is None:
        values["init_from"] = beside(Path(config.init_from), Path(config.run_dir))
    named = ((word, word.partition("=")[0]) for word in overrides)
    return [f"{setting}={quoted(values[setting])}" if setting in values else word for word, setting in named]


def beside(source: Path, run: Path) -> str:
    """Return the name under the SuperLink's runs=, the run folder's parent, of the run that another begins with.

    Raises ConfigurationError when it lies elsewhere.
    """
    runs = run.resolve().parent
    if not source.resolve().is_relative_to(runs):
        raise ConfigurationError(
            f"init_from={source}: the server of a federation reads runs beside its own, in {runs}. Copy the run folder "
            "there, or choose a run_dir beside it."
        )
    return f"runs/{source.resolve().relative_to(runs)}"
