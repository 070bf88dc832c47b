"""Our programs in place of Flower's, which Flower starts by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from contracts.leash import leashed

SUPEREXEC, SERVERAPP = "runtimes.flower.quick_superexec", "runtimes.flower.serverapp"
FLOWERS_SUPEREXEC = "flower-superexec"


def command(module: str, *words: str) -> list[str]:
    """Return the command of a program of ours; Python looks for it where fedqmix is, not in the folder it starts in."""
    return [sys.executable, "-P", "-m", module, *words]


def start(wanted: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program as subprocess.Popen does; flower-superexec as ours, which ends with this process."""
    words = list(wanted)
    if words[0] == FLOWERS_SUPEREXEC:
        words[:1] = leashed(command(SUPEREXEC))
    return subprocess.Popen(words, **options)


def stand_in() -> SimpleNamespace:
    """Return what takes the place of the module subprocess in a program of Flower's."""
    return SimpleNamespace(**vars(subprocess) | {"Popen": start})
