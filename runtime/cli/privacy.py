"""`fedqmix privacy`: what the team's side learns about each agent, from the algorithm's own declaration."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from fedqmix.algorithms import ALGORITHMS, find_algorithm
from fedqmix.algorithms.base import Algorithm
from fedqmix.algorithms.rewards import INDIVIDUAL
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError

HELP = """\
fedqmix privacy [algorithm=NAME] [algorithm.code=FILE.py:NAME] [algorithm.reward=individual]

Prints, for one algorithm or for all, each row that an agent sends to the mixer in a training step: its type, its bytes
a transition, whether a gradient comes back, and what the mixer learns from it. The wire refuses everything else.
"""
OPTIONS = ("algorithm", "algorithm.code", "algorithm.reward")
INDIVIDUAL_REWARDS = f"algorithm.reward={INDIVIDUAL}"


def privacy_command(words: list[str]) -> int:
    """Print the tables."""
    for word in words:
        if word.partition("=")[0] not in OPTIONS:
            raise ConfigurationError(unknown("option", word.partition("=")[0], OPTIONS))
    if any(word.startswith(("algorithm=", "algorithm.reward=")) for word in words):
        settings = compose(words).algorithm
        named = {settings.name: find_algorithm(settings)}
    else:
        named = dict(ALGORITHMS)
    console = Console()
    for name, algorithm in named.items():
        console.print(_table(name, algorithm))
    return 0


def markdown() -> str:
    """Return the table of docs/privacy.md: every row of every algorithm."""
    lines = [
        "| algorithm | row | bytes | gradient | the mixer learns about the agent |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, algorithm in ALGORITHMS.items():
        for row in algorithm.rows:
            size = f"{row.bytes} a {row.per}"
            back = "comes back" if row.differentiable else ""
            lines.append(f"| `{name}` | `{row.name}` | {size} | {back} | {row.discloses} |")
        if algorithm.team.independent:
            lines.append(f"| `{name}` with `{INDIVIDUAL_REWARDS}` | none | 0 |  | nothing |")
    return "\n".join(lines) + "\n"


def _table(name: str, algorithm: Algorithm) -> Table:
    rows = algorithm.rows
    up, down = (sum(row.bytes for row in rows if pick(row)) for pick in (bool, lambda row: row.differentiable))
    named = name if algorithm.individual is None else f"{name} with {INDIVIDUAL_REWARDS}"
    table = Table(title=f"{named}: {up} bytes up and {down} bytes down for each agent, transition and training step")
    for column in ("row", "type", "bytes", "per", "gradient", "the mixer learns about the agent"):
        table.add_column(column)
    for row in rows:
        shape = f" {list(row.shape)}" if row.shape else ""
        back = "yes" if row.differentiable else "no"
        table.add_row(row.name, row.dtype + shape, str(row.bytes), row.per, back, row.discloses)
    if not rows:
        table.add_row("none", "", "0", "", "", "nothing: each agent computes its loss itself")
    return table
