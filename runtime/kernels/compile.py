"""Compilation of the kernels of one folder, and the cache of their machine code on disk."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numpy.typing import NDArray

from fedqmix.runtime.kernels.numba_internals import entry_point, njit, settings, typeof

Numbers = NDArray[Any]
"""float32 or float64 arrays: kernels compute in the type of their arguments."""

P = ParamSpec("P")
R = TypeVar("R")

NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Compiler:
    """Compiles the kernels whose sources lie in one folder and the folders in it.

    The compiled code is cached on disk. numba detects a change in the file that defines a function, but not in the
    functions that it calls. The cache folder is therefore named after the hash of all sources in `folder` and here.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        """Set numba's options for every function of the folder."""
        self._options = options
        self._cache_folder = _cache_folder(folder)

    def kernel(self, function: Callable[P, R]) -> Callable[P, R]:
        """Compile a function that Python calls with numbers, records and arrays."""
        keep = settings.CACHE_DIR
        settings.CACHE_DIR = self._cache_folder
        try:
            return cast("Callable[P, R]", njit(**self._options, cache=True)(function))
        finally:
            settings.CACHE_DIR = keep

    def inner(self, function: Callable[P, R]) -> Callable[P, R]:
        """Compile a function that only compiled functions call.

        Without the wrappers for calls from Python, compiling everything takes half of the time. The caller's machine
        code contains the function.
        """
        return cast("Callable[P, R]", njit(**self._options, **NO_WRAPPERS)(function))

    def inline(self, function: Callable[P, R]) -> Callable[P, R]:
        """Inline a short function at each call, instead of compiling it separately for every caller."""
        return cast("Callable[P, R]", njit(**self._options, **NO_WRAPPERS, inline="always")(function))


def machine_code(function: Callable[P, R], *arguments: Any) -> Callable[P, R]:
    """Return a kernel's machine code for arguments of these types; compile it if needed.

    A call of the kernel itself inspects the type of every argument, which takes 12 microseconds for an environment
    step's. The machine code does not check types: the caller must pass the types that it was compiled for.
    """
    dispatcher = cast(Any, function)
    signature = tuple(typeof(argument) for argument in arguments)
    with _no_collection():
        dispatcher.compile(signature)
    return cast("Callable[P, R]", entry_point(dispatcher, signature))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Disable garbage collection while compiling, which would take a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def cache_base(folder: Path) -> Path:
    """Return the parent of the kernels' cache: NUMBA_CACHE_DIR, beside the sources, or ~/.cache."""
    if settings.CACHE_DIR:
        return Path(settings.CACHE_DIR)
    return folder / "__pycache__" if os.access(folder, os.W_OK) else Path.home() / ".cache" / "fedqmix"


def _cache_folder(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for source in [*sorted(folder.rglob("*.py")), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(source.read_bytes())
    return str(cache_base(folder) / f"kernels-{digest.hexdigest()}")
