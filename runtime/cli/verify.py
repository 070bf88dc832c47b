"""`fedqmix verify`: train in one process and as a federation, and compare both bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path

from rich.console import Console
from rich.table import Table
from torch import Tensor, float64, tensor

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.cli.train import train_command
from fedqmix.runtime.cli.up import up_command
from fedqmix.runtime.configuration.runs import PARTIES
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.processes import guarded_folder
from fedqmix.runtime.runs.lifecycle.conduct import AGGREGATE, STRATEGY
from fedqmix.runtime.storage import reading
from fedqmix.server.records import read_rows

HELP = """\
fedqmix verify [name=value ...] [OVERRIDES]    compare a federation's result with one process's, bit for bit

  rounds=3           rounds to train, both ways, from the same seed
  tolerance=0        the largest difference of two numbers that count as equal
  insecure=true      no encryption in the federation

Trains locally (fedqmix train) and as processes that use gRPC over TLS (fedqmix up), and prints the largest difference
of every kind of number: networks, optimisers, counters, and the rows of metrics.jsonl except times. On one machine's
CPU it is 0 after any number of rounds; a tolerance is for machines of several kinds, and for GPUs.
Exit status 0: all within the tolerance; 1: not.
"""
OPTIONS = ("rounds", "tolerance", "insecure")
TIMES = {"elapsed_s"}
"""Metrics in which equal runs may differ."""


def verify_command(words: list[str]) -> int:
    """Train both ways and compare; return 0 when the results agree."""
    options, overrides = service_options.beside_overrides("verify", words, OPTIONS)
    rounds = service_options.whole(options, "rounds", 3)
    tolerance = service_options.not_negative(options, "tolerance", 0.0)
    with guarded_folder() as folder:
        local, federated = folder / "local", folder / "federated"
        common = [*overrides, f"stop.rounds={rounds}", "checkpoint.every_rounds=1"]
        train_command([*common, f"run_dir={local}"])
        insecure = {name: value for name, value in options.items() if name == "insecure"}
        up_command([*service_options.written(insecure), *common, f"run_dir={federated}"])
        worst = differences(dict(numbers_of(local)), dict(numbers_of(federated)))
    console = Console()
    console.print(_table(worst, rounds))
    agree = max(worst.values()) <= tolerance
    how = f"within {tolerance:g}" if tolerance else "bit for bit"
    console.print(f"{'the same' if agree else 'NOT the same'} {how}")
    return 0 if agree else 1


def differences(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the largest absolute difference by kind of tensor ("agents online", ...).

    Raises FederationError when the two do not hold the same names and shapes.
    """
    if one.keys() != other.keys():
        raise FederationError(f"only one of both holds: {', '.join(sorted(one.keys() ^ other.keys()))}")
    worst: dict[str, float] = {}
    for name, value in one.items():
        if value.shape != other[name].shape:
            raise FederationError(f"{name} has the shapes {tuple(value.shape)} and {tuple(other[name].shape)}")
        party, _, tensor = name.partition("/")
        kind = f"{party.partition('-')[0]} {tensor.partition('.')[0]}"
        worst[kind] = max(worst.get(kind, 0.0), _difference(value, other[name]))
    return worst


def _difference(one: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference; infinity when only one value is a number."""
    if not one.numel():
        return 0.0
    gaps = (one.double() - other.double()).abs()
    gaps[(one == other) | (one.isnan() & other.isnan())] = 0.0  # infinities, too, can be equal
    return float(gaps.nan_to_num(nan=inf, posinf=inf).max())


def numbers_of(run: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield a run's final tensors (`tensors_of`) and its metrics: "metrics/rows.TAG.ROW"."""
    yield from tensors_of(run)
    for number, row in enumerate(read_rows(run / "metrics.jsonl")):
        for tag, value in row.items():
            if tag not in TIMES:
                yield f"metrics/rows.{tag}.{number}", tensor([float(value)], dtype=float64)


def tensors_of(run: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield a run's final tensors: "agent-0/online.fc.weight", ..., "mixer/...", "server/...".

    Agents load their last aggregates with the next message; here these already replace their shared parameters.
    """
    server = reading.load(reading.locate(run))
    team = server.tensors[AGGREGATE]
    for group in (AGGREGATE, STRATEGY):
        yield from ((f"server/{group}.{name}", value) for name, value in server.tensors.get(group, {}).items())
    if (run / PARTIES).is_dir():
        for party in sorted((run / PARTIES).glob("agent-*")):
            agent = _newest(party, server.round)["agents"]
            shared = of_agent(team, int(party.name.removeprefix("agent-")))
            yield from _agent(party.name, {name: _row(name, value, 0) for name, value in agent.items()}, shared)
        mixer = _newest(run / PARTIES / "mixer", server.round)["mixer"]
    else:
        stack = server.tensors["agents"]
        for number in range(len(next(value for name, value in stack.items() if name.startswith("online.")))):
            rows = {name: _row(name, value, number) for name, value in stack.items()}
            yield from _agent(f"agent-{number}", rows, of_agent(team, number))
        mixer = server.tensors["mixer"]
    yield from ((f"mixer/{name}", value) for name, value in mixer.items() if name != "sums")


def _agent(party: str, tensors: Mapping[str, Tensor], shared: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for name, value in tensors.items():
        yield f"{party}/{name}", shared.get(name.removeprefix("online."), value) if "online." in name else value


def _row(name: str, value: Tensor, agent: int) -> Tensor:
    """Return one agent's part of a stacked tensor; counters and Adam's step count are shared."""
    return value if name == "counters" or name.startswith("adam.step.") else value[agent]


def _newest(party: Path, round_: int) -> dict[str, dict[str, Tensor]]:
    (folder,) = party.glob(f"*/rounds/round-{round_:06d}")
    return reading.load(folder).tensors


def _table(worst: Mapping[str, float], rounds: int) -> Table:
    table = Table(title=f"largest difference after {rounds} rounds, one process against a federation")
    table.add_column("what")
    table.add_column("difference", justify="right")
    for kind, gap in sorted(worst.items()):
        table.add_row(kind, f"{gap:.3g}")
    return table
