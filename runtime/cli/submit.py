"""`fedqmix submit`: submit a run to a running federation, and follow it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fedqmix.conf.schema import Config
from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration import overrides as written
from fedqmix.runtime.configuration import settings
from fedqmix.runtime.configuration.names import program
from fedqmix.runtime.configuration.runs import RUN, in_runs, run_of
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.deployment.byte_book import ledger_table, read_ledger
from fedqmix.runtime.deployment.following import Following
from fedqmix.runtime.deployment.submission import SuperLink, UnreachableError
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.lifecycle.progress import Progress, closing_table
from fedqmix.server.records import read_rows

HELP = """\
fedqmix submit certs=DIR [name=value ...] [OVERRIDES]    submit a run to a running federation, and follow it to its end

  superlink=127.0.0.1:8000  the SuperLink's address
  certs=DIR                 the folder of submit's certificate; the SuperLink accepts runs from no other party
  insecure=true             no encryption, for a SuperLink with insecure=true
  follow=true               false: return when it is submitted
  runs=runs                 the SuperLink's runs= folder, as seen from here; progress is read there, if it exists
  patience=300              seconds to wait for a SuperLink that does not answer
  stop=true                 submit nothing, but end all active runs; stop=RUN_FOLDER ends that run alone

Everything else is an override, as for `fedqmix train`, checked here before anything is sent, and again by the
SuperLink: run_dir, resume and init_from are names under its runs= (run_dir=runs/mine means the folder `mine` there),
and strategy.code names code that its operator allows. The map may have no more agents than the federation. Ctrl-C,
SIGTERM and SIGHUP end the run; resume it with: fedqmix submit ... resume=RUN_FOLDER. After kill -9 the run continues;
end it with: fedqmix submit ... stop=true
"""
OPTIONS = ("superlink", "certs", "insecure", "follow", "runs", "patience", "stop")


def submit_command(words: list[str]) -> int:
    """Submit a run; return 0 when it has finished (with follow=false: when it was accepted)."""
    options, overrides = service_options.beside_overrides("submit", words, OPTIONS)
    address = options.get("superlink", "127.0.0.1:8000")
    service_options.address("superlink", address)
    identity = service_options.identity("submit", options, "submit")
    patience = service_options.seconds(options, "patience", 300.0)
    runs = Path(options.get("runs", "runs"))
    if "stop" in options:
        with SuperLink(address, identity) as link:
            return _stop(link, options, overrides)
    overrides, run_dir, config = checked(overrides)
    overrides, run_dir = _by_name(overrides, runs), _name(run_dir, runs)
    folder = in_runs(run_dir, runs, "resume" if _resumes(overrides) else "run_dir")
    with interruptible(), SuperLink(address, identity) as link:
        if not service_options.flag(options, "follow", default=True):
            _start(link, overrides, _command(options, f"stop={run_dir}"))
            Console().print(Text(f"submitted; run folder: {run_dir}"), soft_wrap=True)
            return 0
        following = Following(link, overrides, run_dir, folder, patience)
        follow(
            following,
            config,
            folder,
            lambda: None,
            _command(options, f"resume={written.quoted(run_dir)}"),
            _command(options, f"stop={run_dir}"),
        )
    return 0


def checked(overrides: list[str]) -> tuple[list[str], str, Config | None]:
    """Check overrides; return them with the run folder's name, that name, and the configuration.

    The configuration is None for a resumed run whose folder is on another machine: the SuperLink checks it there.
    Raises ConfigurationError, and CheckpointError for a run that was trained in one process.
    """
    resumed = {override.key_or_group: override.value() for override in written.parse(overrides)}.get("resume")
    try:
        config = settings.compose(overrides)
    except CheckpointError:
        if resumed is None or Path(str(resumed)).exists():
            raise
        return overrides, str(resumed), None
    settings.require_deployed(config)
    if resumed is not None:
        return overrides, str(run_of(Path(str(resumed)))), config
    others = [word for word in overrides if not word.startswith("run_dir=")]
    return [*others, f"run_dir={written.quoted(config.run_dir)}"], config.run_dir, config  # the same name on both sides


def follow(
    following: Following,
    config: Config | None,
    folder: Path,
    meanwhile: Callable[[], None],
    again: str | None = None,
    stopping: str | None = None,
) -> None:
    """Show a run's progress until it ends; upon any exception, stop it and print how to resume.

    meanwhile: called several times a second. again: the command that resumes the run; None when the caller prints it.
    stopping: the command that ends a run which could not be stopped from here; None when the run always ends with this
    program.
    """
    console = Console()
    try:
        with Progress(config.stop.env_steps if config is not None else 0, console) as progress:
            for row in following.rows(progress.note):
                meanwhile()
                if row is not None:
                    progress.update(row)
    except BaseException as error:
        stopped = following.stop()
        if not stopped and stopping is not None:
            words = f"\nthe SuperLink does not answer, so the run may go on. End it with: {stopping}"
            Console(stderr=True).print(Text(words), soft_wrap=True)
        elif again is not None and (isinstance(error, KeyboardInterrupt) or (folder / RUN).exists()):
            Console(stderr=True).print(Text(f"\nthe run was ended early. Go on with: {again}"), soft_wrap=True)
        raise
    console.print(closing_table(read_rows(folder / "metrics.jsonl")))
    if lines := read_ledger(folder):
        console.print(ledger_table(lines))
    console.print(Text(f"run folder: {folder}"), soft_wrap=True)  # one line, to be copied


def _start(link: SuperLink, overrides: list[str], stopping: str) -> None:
    """Submit a run; without an answer, print that it may continue and how to end it."""
    try:
        link.start(overrides)
    except (KeyboardInterrupt, UnreachableError):
        words = f"\nthe SuperLink has not answered, so the run may go on. End it with: {stopping}"
        Console(stderr=True).print(Text(words), soft_wrap=True)
        raise


def _stop(link: SuperLink, options: Mapping[str, str], overrides: list[str]) -> int:
    """End all active runs, or the run that stop= names; return 1 when that run is not active."""
    if overrides:
        raise ConfigurationError(f"stop= submits nothing, so '{overrides[0]}' has no meaning: leave one of both out.")
    console, wanted = Console(), options["stop"]
    if wanted.startswith("{"):
        raise ConfigurationError(f"stop={wanted}: write one setting at a time, such as stop.rounds=3.")
    going = link.not_terminated()
    found = going if wanted == "true" else {run: name for run, name in going.items() if _alike(name, wanted, options)}
    for run, name in found.items():
        link.stop(run)
        again = _command(options, f"resume={written.quoted(name)}")
        console.print(Text(f"ended: {name}. Go on with: {again}"), soft_wrap=True)
    if not found:
        others = f": {', '.join(going.values())}" if going else ""
        console.print(
            Text(f"{'no run is' if wanted == 'true' else f'{wanted} is not'} going on{others}"), soft_wrap=True
        )
    return 0 if found or wanted == "true" else 1


def _command(options: Mapping[str, str], word: str) -> str:
    kept = {name: value for name, value in options.items() if name not in ("stop", "follow")}
    return shlex.join([*program().split(), "submit", *service_options.written(kept), word])


def _alike(name: str, wanted: str, options: Mapping[str, str]) -> bool:
    runs = Path(options.get("runs", "runs"))
    return in_runs(_name(wanted, runs), runs) == in_runs(name, runs)


def _resumes(overrides: list[str]) -> bool:
    return any(word.startswith("resume=") for word in overrides)


def _by_name(overrides: list[str], runs: Path) -> list[str]:
    """Return the overrides, with absolute paths of run_dir=, resume= and init_from= made names under `runs`."""

    def named(word: str) -> str:
        setting = word.partition("=")[0]
        value = written.parse_one(word).value() if setting in ("run_dir", "resume", "init_from") else None
        return word if value is None else f"{setting}={written.quoted(_name(str(value), runs))}"

    return [named(word) for word in overrides]


def _name(folder: str, runs: Path) -> str:
    path, here = Path(folder), runs.absolute()
    return str("runs" / path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else folder
