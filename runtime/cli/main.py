"""The command line: `fedqmix COMMAND [name=value ...]`."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata

from rich.console import Console
from rich.text import Text

from fedqmix.runtime.cli.train_help import help_text
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, FedqmixError, ReplayError

Command = Callable[[list[str]], int]

SERVICES = ("world", "mixer", "agent")
COMMANDS = (
    *("train", "paper", "ladder", "up", "submit", *SERVICES, "superlink", "supernode", "verify"),
    *("report", "collect", "watch", "bench", "certs", "compose", "health", "doctor", "privacy"),
)

NEED_WORDS = ("supernode", "collect", "bench", "certs", "compose", "health", "watch")
"""Commands that need a word, and print their help without one."""

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130

UNUSABLE = {errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS}
"""Operating-system errors about a typed path, wherever it is first accessed."""

USAGE = """\
fedqmix: federated multi-agent reinforcement learning on Flower

  fedqmix train [name=value ...]       train a team; writes a run folder under runs/
  fedqmix train seeds=[1,2,3] [...]    train several seeds side by side
  fedqmix train -m [name=a,b ...]      train with every combination in turn
  fedqmix train resume=RUN             resume an interrupted run
  fedqmix paper [scale=laptop ...]     compare all methods, several seeds each; resumes when called again
  fedqmix ladder [maps=[3m,8m] ...]    one recipe on all maps, the easiest first, and a table; resumes likewise
  fedqmix up [name=value ...]          train as a federation of processes on this machine
  fedqmix submit certs=DIR [...]       submit a run to a running federation
  fedqmix world|mixer|agent [...]      one of the services of a federation, for several machines
  fedqmix superlink|supernode [...]    one of Flower's services of a federation
  fedqmix certs|compose|health [...]   make its certificates, write a compose file, check a service
  fedqmix verify [name=value ...]      compare a federation's result with one process's, bit for bit
  fedqmix report RUN...                curves, tables with intervals, bytes sent: one page
  fedqmix collect RUN... data=FOLDER   finished runs as small files, for a repository
  fedqmix watch RUN [--gif FILE ...]   play a saved episode in the browser
  fedqmix bench world|learner [...]    measure speed; prints JSON (also: learners, peers, ...)
  fedqmix privacy [algorithm=NAME]     what the mixer learns about each agent
  fedqmix doctor [map=3m]              what is missing here, and what to type for it
  fedqmix COMMAND --help               what a command takes
  fedqmix train --help algorithm       the settings of a group, or of a choice: algorithm=ow_qmix
  fedqmix --version
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    errors = Console(stderr=True)
    try:
        return _run(words)
    except FedqmixError as error:
        errors.print(Text("error: ", style="bold red") + Text(str(error), style="default"), soft_wrap=True)
        return EXIT_BAD_INPUT if isinstance(error, ConfigurationError | CheckpointError | ReplayError) else EXIT_FAILED
    except OSError as error:
        if error.errno not in UNUSABLE or error.filename is None:
            raise
        path = str(error.filename)
        shown = path if len(path) <= 120 else f"{path[:60]}...{path[-40:]}"
        errors.print(Text("error: ", style="bold red") + Text(f"{shown}: {error.strerror}.", "default"), soft_wrap=True)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if words else EXIT_BAD_INPUT
    if words[0] == "--version":
        print(f"fedqmix {metadata.version('fedqmix')}")
        return 0
    if words[0] not in COMMANDS:
        raise ConfigurationError(unknown("command", words[0], COMMANDS) + " See: fedqmix --help")
    name, *rest = words
    asked = next((place for place, word in enumerate(rest) if word in ("-h", "--help")), None)
    if name == "train" and asked is not None:
        print(help_text(rest[asked + 1 :]), end="")
        return 0
    # imported only now: a typo need not wait for torch and Flower
    module = import_module(f"fedqmix.runtime.cli.{'services' if name in SERVICES else name}")
    if asked is not None or (not rest and name in NEED_WORDS):
        print(str(module.HELP[name] if name in SERVICES else module.HELP), end="")
        return 0 if rest else EXIT_BAD_INPUT
    command: Command = getattr(module, f"{name}_command")
    return command(rest)
