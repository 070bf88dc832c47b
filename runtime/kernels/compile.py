"""How a room's kernels are compiled, and where their machine code is kept between runs."""

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
"""float32 or float64: kernels compute in the type they are given."""

P = ParamSpec("P")
R = TypeVar("R")

NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Compiler:
    """Compiles the kernels whose sources lie in one folder.

    The compiled code is cached on disk. numba notices a change of the file that defines a function, but not of
    the functions it calls; so the cache's folder is named after the contents of all sources in the folder and here.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        """options: numba's, for every function."""
        self._options = options
        self._cache_folder = _cache_folder(folder)

    def kernel(self, function: Callable[P, R]) -> Callable[P, R]:
        """Compile a function of numbers, records and arrays that Python calls."""
        keep = settings.CACHE_DIR
        settings.CACHE_DIR = self._cache_folder
        try:
            return cast("Callable[P, R]", njit(**self._options, cache=True)(function))
        finally:
            settings.CACHE_DIR = keep

    def inner(self, function: Callable[P, R]) -> Callable[P, R]:
        """Compile a function that only other compiled functions call: without what Python needs to call it.

        That takes half of the time to compile everything. The machine code of the caller contains it.
        """
        return cast("Callable[P, R]", njit(**self._options, **NO_WRAPPERS)(function))

    def inline(self, function: Callable[P, R]) -> Callable[P, R]:
        """Write a short function out wherever it is called, instead of compiling it by itself for every caller."""
        return cast("Callable[P, R]", njit(**self._options, **NO_WRAPPERS, inline="always")(function))


def machine_code(function: Callable[P, R], *arguments: Any) -> Callable[P, R]:
    """Return a kernel's machine code for arguments of these types, compiling it if need be.

    Calling the kernel itself looks at the type of every argument again, which takes 12 microseconds for those of an
    environment step. The code takes whatever it is given for what it was made for: the caller sees to the types.
    """
    dispatcher = cast(Any, function)
    signature = tuple(typeof(argument) for argument in arguments)
    with _no_collection():
        dispatcher.compile(signature)
    return cast("Callable[P, R]", entry_point(dispatcher, signature))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Put off the search for unused objects: compiling makes so many that looking through them takes a tenth of it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def cache_base(folder: Path) -> Path:
    """Return where the machine code of the kernels in a folder is kept: as said, beside them, or in a cache."""
    if settings.CACHE_DIR:
        return Path(settings.CACHE_DIR)
    return folder / "__pycache__" if os.access(folder, os.W_OK) else Path.home() / ".cache" / "fedqmix"


def _cache_folder(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for source in [*sorted(folder.glob("*.py")), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(source.read_bytes())
    return str(cache_base(folder) / f"kernels-{digest.hexdigest()}")
