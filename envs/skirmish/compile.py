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
    """Compile a function of numbers, records and arrays that Python calls; it runs without the interpreter's lock.

    The compiled code is cached on disk. numba notices a change of the file that defines a function, but not of
    the functions it calls; so the cache's folder is named after the contents of all rules.
    """
    keep = settings.CACHE_DIR
    settings.CACHE_DIR = CACHE_FOLDER
    try:
        return cast("Callable[P, R]", numba.njit(**OPTIONS, cache=True)(function))
    finally:
        settings.CACHE_DIR = keep


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only other compiled functions call: without what Python needs to call it.

    That takes half of the time to compile everything. The machine code of the caller contains it.
    """
    return cast("Callable[P, R]", numba.njit(**OPTIONS, **NO_WRAPPERS)(function))


def machine_code(function: Callable[P, R], *arguments: Any) -> Callable[P, R]:
    """Return a kernel's machine code for arguments of these types, compiling it if need be.

    Calling the kernel itself looks at the type of every argument again, which takes 12 microseconds for those of an
    environment step. The code takes whatever it is given for what it was made for: the caller sees to the types.
    """
    dispatcher = cast(Any, function)
    signature = tuple(cast(Any, numba).typeof(argument) for argument in arguments)
    dispatcher.compile(signature)
    return cast("Callable[P, R]", dispatcher.overloads[signature].entry_point)


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


OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}
"""Kernels allocate nothing, so arrays need no reference counts (`_nrt`): counting them, atomically and from several
threads, took most of the time. A division by zero gives inf, as in numpy. Every call is inlined (`forceinline`): a
scene is a hundred machine words, and handing it on took more time than most functions do."""

NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

settings: Any = numba.config
CACHE_FOLDER = _cache_folder()
