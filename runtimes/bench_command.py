"""`fedqmix bench`: speed figures as JSON on standard output."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from contracts.errors import ConfigurationError
from envs import available_maps
from runtimes.memory import keep_freed_memory
from runtimes.names import unknown
from runtimes.settings import compose

Number = TypeVar("Number", int, float)

HELP = """\
fedqmix bench world [maps=3m,8m] [batches=1,32,256] [threads=2] [seconds=3]
    environment steps a second of the embedded world with random available actions, by map and batch of battles
fedqmix bench learner [maps=3m,8m] [batches=32,96] [lengths=mixed|full] [repeats=20] [name=value ...]
    milliseconds per training step by map and batch, beside the floor of its matrix products; other settings as for
    train, such as algorithm=vdn runtime.threads=2
"""


def bench_command(words: list[str]) -> int:
    """Measure what the words say and print the figures; return the exit status."""
    if not words or any(word in ("-h", "--help") for word in words):
        print(HELP, end="")
        return 0 if words else 2
    if words[0] not in ("world", "learner"):
        raise ConfigurationError(unknown("benchmark", words[0], ("world", "learner")))
    figures = _world(words[1:]) if words[0] == "world" else _learner(words[1:])
    figures["command"] = shlex.join(["fedqmix", "bench", *words])
    json.dump(figures, sys.stdout, indent=2)
    print()
    return 0


def _world(words: Sequence[str]) -> dict[str, Any]:
    from benchmarks import world

    options, rest = _split(words, ("maps", "batches", "threads", "seconds"))
    if rest:
        raise ConfigurationError(f"'{rest[0]}' is no option of bench world; see: fedqmix bench --help")
    return world.measure(
        maps=_maps(options),
        batches=_numbers(options, "batches", world.BATCHES),
        threads=_numbers(options, "threads", (os.cpu_count() or 1,))[0],
        seconds=_read(options, "seconds", float, 3.0),
    )


def _learner(words: Sequence[str]) -> dict[str, Any]:
    from benchmarks import learner

    keep_freed_memory()  # as training does
    options, rest = _split(words, ("maps", "batches", "lengths", "repeats"))
    lengths = options.get("lengths", "mixed")
    if lengths not in ("mixed", "full"):
        raise ConfigurationError(unknown("lengths", lengths, ("mixed", "full")))
    return learner.measure(
        compose(list(rest)),
        maps=_maps(options) if "maps" in options else learner.MAPS,
        batches=_numbers(options, "batches", learner.BATCHES),
        lengths=lengths,
        repeats=_numbers(options, "repeats", (20,))[0],
    )


def _split(words: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Part a benchmark's own options from the other words."""
    pairs = [word.partition("=") for word in words]
    options = {name: value for name, equals, value in pairs if equals and name in names}
    return options, [word for word, pair in zip(words, pairs, strict=True) if pair[0] not in names]


def _maps(options: Mapping[str, str]) -> list[str]:
    allowed = available_maps()
    names = options["maps"].split(",") if "maps" in options else list(allowed)
    for name in names:
        if name not in allowed:
            raise ConfigurationError(unknown("map", name, allowed))
    return names


def _numbers(options: Mapping[str, str], name: str, default: Sequence[int]) -> list[int]:
    texts = options[name].split(",") if name in options else [str(number) for number in default]
    return [_read({name: text}, name, int, 1) for text in texts]


def _read(options: Mapping[str, str], name: str, kind: Callable[[str], Number], default: Number) -> Number:
    try:
        value = kind(options[name]) if name in options else default
    except ValueError:
        value = kind("0")
    if not value > 0:
        raise ConfigurationError(f"{name}={options[name]} must be a number above 0")
    return value
