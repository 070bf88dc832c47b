"""`fedqmix privacy`: what the team's side learns about each agent, from the algorithm's own declaration."""

from __future__ import annotations

from math import prod

from rich.console import Console
from rich.table import Table

from fedqmix.algorithms import ALGORITHMS, find_algorithm
from fedqmix.algorithms.rewards import INDIVIDUAL
from fedqmix.conf.schema import Config
from fedqmix.envs.factory import team_spec
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.rows import BYTES, Row

HELP = """\
fedqmix privacy [algorithm=NAME] [algorithm.code=FILE.py:NAME] [algorithm.reward=individual] [env=SUITE] [map=TASK]

Prints, for one algorithm or for all, each row that an agent sends to the mixer in a training step: its type, its bytes
a transition, whether a gradient comes back, and what the mixer learns from it. The wire refuses everything else.
Some rows are as long as the task or settings of the algorithm (algorithm.*) make them.
"""
OPTIONS = ("algorithm", "algorithm.code", "algorithm.reward", "env", "map")
SECTIONS = ("algorithm.", "env.")
"""The sections whose settings are options too."""
INDIVIDUAL_REWARDS = f"algorithm.reward={INDIVIDUAL}"


def privacy_command(words: list[str]) -> int:
    """Print the tables."""
    for word in words:
        name = word.partition("=")[0]
        if name not in OPTIONS and not name.startswith(SECTIONS):
            raise ConfigurationError(unknown("option", name, OPTIONS))
    one = any(word.startswith(("algorithm=", "algorithm.")) for word in words)
    console = Console()
    if one:
        console.print(_table(compose(_with_network(words))))
        return 0
    for name, algorithm in ALGORITHMS.items():
        try:
            console.print(_table(compose(_with_network([*words, f"algorithm={name}"]))))
        except ConfigurationError as error:
            if not (algorithm.team.reads_entities or algorithm.agent.hides_entities):
                raise
            console.print(f"{name}: {error}")
    return 0


def _with_network(words: list[str]) -> list[str]:
    """Add a network over entities where the algorithm needs one: rows do not depend on which."""
    named = [word.partition("=")[2] for word in words if word.startswith("algorithm=")]
    hides = bool(named) and named[-1] in ALGORITHMS and ALGORITHMS[named[-1]].agent.hides_entities
    return [*words, "model=entity_attention"] if hides else words


def markdown() -> str:
    """Return the table of docs/privacy.md: every row of every algorithm."""
    lines = [
        "| algorithm | row | bytes | gradient | the mixer learns about the agent |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, algorithm in ALGORITHMS.items():
        for row in algorithm.rows:
            back = "comes back" if row.differentiable else ""
            lines.append(f"| `{name}` | `{row.name}` | {_size(row)} a {row.per} | {back} | {_disclosed(row)} |")
        if algorithm.team.independent:
            lines.append(f"| `{name}` with `{INDIVIDUAL_REWARDS}` | none | 0 |  | nothing |")
    return "\n".join(lines) + "\n"


def _size(row: Row) -> str:
    """Return the bytes of one entry; named sizes as factors."""
    numbers = [length for length in row.shape if isinstance(length, int)]
    names = [f"`{length}`" for length in row.shape if isinstance(length, str)]
    return " x ".join([str(BYTES[row.dtype] * prod(numbers)), *names])


def _disclosed(row: Row) -> str:
    return f"{row.discloses}; only the sum over the agents is used" if row.summed else row.discloses


def _table(config: Config) -> Table:
    algorithm = find_algorithm(config.algorithm)
    rows = algorithm.sized_rows(team_spec(config.map, config.env), config.algorithm)
    up, down = (sum(row.bytes for row in rows if pick(row)) for pick in (bool, lambda row: row.differentiable))
    named = config.algorithm.name
    if algorithm.individual is not None:
        named += f" with {INDIVIDUAL_REWARDS}"
    if any(row.shape != declared.shape for row, declared in zip(rows, algorithm.rows, strict=True)):
        named += f" on {config.map}"
    table = Table(title=f"{named}: {up} bytes up and {down} bytes down for each agent, transition and training step")
    table.add_column("row", min_width=max((len(row.name) for row in rows), default=0))
    for column in ("type", "bytes", "per", "gradient", "the mixer learns about the agent"):
        table.add_column(column)
    for row in rows:
        shape = f" {list(row.shape)}" if row.shape else ""
        back = "yes" if row.differentiable else "no"
        table.add_row(row.name, row.dtype + shape, str(row.bytes), row.per, back, row.discloses)
    if summed := [row.name for row in rows if row.summed]:
        table.caption = f"The mixer's loss uses only the sum over the agents of {', '.join(summed)}."
    if not rows:
        table.add_row("none", "", "0", "", "", "nothing: each agent computes its loss itself")
    return table
