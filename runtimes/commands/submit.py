"""`fedqmix submit`: a new run on a federation that is up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from conf.schema import Config
from contracts.errors import CheckpointError
from runtimes.commands import service_options
from runtimes.configuration import overrides as written
from runtimes.configuration import settings
from runtimes.configuration.names import program
from runtimes.configuration.runs import RUN, in_runs, run_of
from runtimes.deployment.byte_book import ledger_table, read_ledger
from runtimes.deployment.following import Following
from runtimes.deployment.submission import SuperLink
from runtimes.run.progress import Progress, closing_table
from server.records import read_rows

HELP = """\
fedqmix submit certs=DIR [name=value ...] [OVERRIDES]    a new run on a federation that is up, followed to its end

  superlink=127.0.0.1:8000  where the SuperLink is
  certs=DIR                 the folder of submit's certificate; the SuperLink takes runs from no other party
  insecure=true             no encryption, where the SuperLink was started so
  follow=true               false: return when it is submitted
  runs=runs                 the SuperLink's runs=, as that folder is called here; progress is read there, if it is here
  patience=300              seconds to bear with a SuperLink that does not answer

Everything else is an override, as for `fedqmix train`, checked here before anything is sent. The map must be the one
the federation was started for. Run folders lie where the SuperLink's runs= says: run_dir=runs/mine there means the
folder `mine`. Ctrl-C stops the run; it can go on: fedqmix submit ... resume=RUN_FOLDER
"""
OPTIONS = ("superlink", "certs", "insecure", "follow", "runs", "patience")


def submit_command(words: list[str]) -> int:
    """Submit a run; return 0 when it has finished (with follow=false: when it was taken)."""
    options, overrides = service_options.beside_overrides("submit", words, OPTIONS)
    address = options.get("superlink", "127.0.0.1:8000")
    service_options.address("superlink", address)
    identity = service_options.identity("submit", options, "submit")
    patience = service_options.seconds(options, "patience", 300.0)
    overrides, run_dir, config = checked(overrides)
    with SuperLink(address, identity) as link:
        if not service_options.flag(options, "follow", default=True):
            link.start(overrides)
            Console().print(Text(f"submitted; run folder: {run_dir}"), soft_wrap=True)
            return 0
        folder = in_runs(run_dir, Path(options.get("runs", "runs")))
        following = Following(link, overrides, run_dir, folder, patience)
        again = f"{program()} submit {' '.join(service_options.written(options))} resume={run_dir}"
        follow(following, config, folder, again, lambda: None)
    return 0


def checked(overrides: list[str]) -> tuple[list[str], str, Config | None]:
    """Check overrides; return them with the run folder's name among them, that name, and the configuration.

    The configuration is None for the resumption of a run whose folder is not on this machine: it is checked there.
    Raises ConfigurationError, and CheckpointError for a run that was trained in one process.
    """
    named = {override.key_or_group: override.value() for override in written.parse(overrides)}
    resumed = named.get("resume")
    try:
        config = settings.compose(overrides)
    except CheckpointError:
        if resumed is None or Path(str(resumed)).exists():
            raise
        return overrides, str(resumed), None
    settings.require_deployed(config)
    if resumed is None and "run_dir" not in named:
        overrides = [*overrides, f"run_dir={written.quoted(config.run_dir)}"]  # so that both sides call it the same
    run_dir = str(run_of(Path(str(resumed)))) if resumed is not None else config.run_dir
    return overrides, run_dir, config


def follow(
    following: Following, config: Config | None, folder: Path, again: str, meanwhile: Callable[[], None]
) -> None:
    """Show a run's progress until it ends; whatever else ends it, stop the run and say how to go on.

    again: the command that goes on with it. meanwhile: called several times a second.
    """
    console = Console()
    try:
        with Progress(config.stop.env_steps if config is not None else 0, console) as progress:
            for row in following.rows(progress.note):
                meanwhile()
                if row is not None:
                    progress.update(row)
    except BaseException as error:
        following.stop()
        if isinstance(error, KeyboardInterrupt) or (folder / RUN).exists():
            Console(stderr=True).print(Text(f"\nthe run was ended early. Go on with: {again}"), soft_wrap=True)
        raise
    console.print(closing_table(read_rows(folder / "metrics.jsonl")))
    if lines := read_ledger(folder):
        console.print(ledger_table(lines))
    console.print(Text(f"run folder: {folder}"), soft_wrap=True)  # one line, to be copied
