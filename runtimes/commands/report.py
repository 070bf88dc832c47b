"""`fedqmix report`: what a run has sent, and to whom."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from contracts.errors import ConfigurationError
from runtimes.configuration.runs import require_run
from runtimes.deployment.byte_book import ledger_table, read_ledger
from runtimes.run.progress import closing_table
from server.records import read_rows

HELP = """\
fedqmix report RUN...    evaluations, and for a federated run the bytes each party sent over each channel

Who gets to see what: docs/privacy.md
"""
LOCAL = "This run was trained in one process: nothing was sent. `fedqmix up` trains as a federation."


def report_command(words: list[str]) -> int:
    """Print the tables of some runs."""
    if not words:
        raise ConfigurationError("fedqmix report needs a run folder, such as those under runs/.")
    console = Console()
    for word in words:
        folder = Path(word)
        require_run(folder)
        console.print(Text(str(folder), style="bold"), soft_wrap=True)
        console.print(closing_table(read_rows(folder / "metrics.jsonl")))
        lines = read_ledger(folder)
        console.print(ledger_table(lines) if lines else Text(LOCAL))
    return 0
