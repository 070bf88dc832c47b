"""How the rules of battle are compiled, and where the machine code is kept between runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers, records and arrays; it runs without the interpreter's lock.

    Kernels allocate nothing, so arrays need no reference counts (`_nrt`): counting them, atomically and from several
    threads, took most of the time. A division by zero gives inf, as in numpy.

    The compiled code is cached on disk. numba notices a change of the file that defines a function, but not of
    the functions it calls; so the cache's folder is named after the contents of all rules.
    """
    options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False, "forceinline": True}
    keep = settings.CACHE_DIR
    settings.CACHE_DIR = CACHE_FOLDER
    try:
        return cast("Callable[P, R]", numba.njit(**options)(function))
    finally:
        settings.CACHE_DIR = keep


def _cache_folder() -> str:
    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    if settings.CACHE_DIR:
        base = Path(settings.CACHE_DIR)
    elif os.access(here, os.W_OK):
        base = here / "__pycache__"
    else:
        base = Path.home() / ".cache" / "fedqmix"
    return str(base / f"kernels-{digest.hexdigest()}")


settings: Any = numba.config
CACHE_FOLDER = _cache_folder()
