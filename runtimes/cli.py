"""The command line: `fedqmix COMMAND [name=value ...]`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

from rich.console import Console
from rich.text import Text

from contracts.errors import CheckpointError, ConfigurationError, FedqmixError, ReplayError
from runtimes.names import unknown

Command = Callable[[list[str]], int]

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130

USAGE = """\
fedqmix: federated multi-agent reinforcement learning on Flower

  fedqmix train [name=value ...]       train a team; writes a run folder under runs/
  fedqmix train -m [name=a,b ...]      train with every combination in turn
  fedqmix train resume=RUN             go on with a run that was interrupted
  fedqmix watch RUN [--gif FILE ...]   play a saved battle in the browser
  fedqmix bench world|learner [...]    measure speed; prints JSON (also: fidelity, peers, winnable)
  fedqmix COMMAND --help               what a command takes
  fedqmix --version
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    errors = Console(stderr=True)
    try:
        return _run(words)
    except FedqmixError as error:
        errors.print(Text("error: ", style="bold red") + Text(str(error), style="default"), soft_wrap=True)
        return EXIT_BAD_INPUT if isinstance(error, ConfigurationError | CheckpointError | ReplayError) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if words else EXIT_BAD_INPUT
    if words[0] == "--version":
        print(f"fedqmix {metadata.version('fedqmix')}")
        return 0
    command = _commands().get(words[0])
    if command is None:
        raise ConfigurationError(unknown("command", words[0], tuple(_commands())) + " See: fedqmix --help")
    return command(words[1:])


def _commands() -> dict[str, Command]:
    return {
        "train": _train,
        "watch": _watch,
        "bench": _bench,
        "certs": _certs,
        "compose": _compose,
        "health": _health,
    }


def _train(words: list[str]) -> int:
    from runtimes.train_command import train_command  # loads torch and Flower: a typo in the command need not wait

    return train_command(words)


def _watch(words: list[str]) -> int:
    from runtimes.watch_command import watch_command

    return watch_command(words)


def _bench(words: list[str]) -> int:
    from runtimes.bench_command import bench_command

    return bench_command(words)


def _certs(words: list[str]) -> int:
    from runtimes.certs_command import certs_command

    return certs_command(words)


def _compose(words: list[str]) -> int:
    from runtimes.compose_command import compose_command

    return compose_command(words)


def _health(words: list[str]) -> int:
    from runtimes.health_command import health_command

    return health_command(words)
