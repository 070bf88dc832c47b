"""One training run with a dishonest agent.

    python -m fedqmix.analysis.benchmarks.attacked ATTACK AGENT [name=value ...]

Otherwise it is `fedqmix train`. `analysis/benchmarks/attack_runs.py` starts one such process per run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from fedqmix.analysis.benchmarks.attacks import lying
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import FedqmixError
from fedqmix.runtime.processes import interruptible
from fedqmix.runtime.runs.local.once import train_once

ERROR = "error: "
"""Prefix of the last line of a failed run's output."""


def main(argv: Sequence[str]) -> int:
    """Train with the settings in argv; return the exit status."""
    attack, agent, *words = argv
    try:
        with interruptible():
            config = compose(words)
            around = lying(attack, int(agent), config.seed)
            command = ["python", "-m", "fedqmix.analysis.benchmarks.attacked", *argv]
            train_once(config, command, Console(), Console(stderr=True), around=around)
    except FedqmixError as error:
        print(f"{ERROR}{' '.join(str(error).split())}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
