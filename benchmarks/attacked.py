"""One training run in which an agent lies to the server: python -m benchmarks.attacked ATTACK AGENT [name=value ...]

All else is `fedqmix train`. `benchmarks/attack_runs.py` starts a process for each run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.attacks import lying
from contracts.errors import FedqmixError
from runtimes.configuration.settings import compose
from runtimes.local.once import train_once
from runtimes.processes import interruptible

ERROR = "error: "
"""What the last line of a run that has failed begins with."""


def main(argv: Sequence[str]) -> int:
    """Train as the words say; return the exit status."""
    attack, agent, *words = argv
    try:
        with interruptible():
            config = compose(words)
            around = lying(attack, int(agent), config.seed)
            command = ["python", "-m", "benchmarks.attacked", *argv]
            train_once(config, command, Console(), Console(stderr=True), around=around)
    except FedqmixError as error:
        print(f"{ERROR}{' '.join(str(error).split())}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
