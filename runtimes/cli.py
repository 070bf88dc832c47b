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
  fedqmix up [name=value ...]          train as a federation of processes on this machine
  fedqmix submit certs=DIR [...]       a new run on a federation that is up
  fedqmix world|mixer|agent [...]      one of the services of a federation, for several machines
  fedqmix superlink|supernode [...]    the same of Flower's
  fedqmix certs|compose|health [...]   certificates for it, a compose file, whether a service is well
  fedqmix verify [name=value ...]      is a federation's result that of one process?
  fedqmix report RUN...                evaluations, and the bytes each party sent
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
        "up": _up,
        "submit": _submit,
        "world": _world,
        "mixer": _mixer,
        "agent": _agent,
        "superlink": _superlink,
        "supernode": _supernode,
        "verify": _verify,
        "report": _report,
        "watch": _watch,
        "bench": _bench,
        "certs": _certs,
        "compose": _compose,
        "health": _health,
    }


def _train(words: list[str]) -> int:
    from runtimes.train_command import train_command  # loads torch and Flower: a typo in the command need not wait

    return train_command(words)


def _verify(words: list[str]) -> int:
    from runtimes.verify_command import verify_command

    return verify_command(words)


def _report(words: list[str]) -> int:
    from runtimes.report_command import report_command

    return report_command(words)


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


def _up(words: list[str]) -> int:
    from runtimes.up_command import up_command

    return up_command(words)


def _submit(words: list[str]) -> int:
    from runtimes.submit_command import submit_command

    return submit_command(words)


def _world(words: list[str]) -> int:
    from runtimes.service_commands import world_command

    return world_command(words)


def _mixer(words: list[str]) -> int:
    from runtimes.service_commands import mixer_command

    return mixer_command(words)


def _agent(words: list[str]) -> int:
    from runtimes.service_commands import agent_command

    return agent_command(words)


def _superlink(words: list[str]) -> int:
    from runtimes.superlink_command import superlink_command

    return superlink_command(words)


def _supernode(words: list[str]) -> int:
    from runtimes.supernode_command import supernode_command

    return supernode_command(words)
