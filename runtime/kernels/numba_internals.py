"""All that the kernels use of numba and llvmlite, among it names that no release promises to keep.

Public are numba's `njit`, `typeof`, `config` and `numba.extending`, and llvmlite's `ir` and `binding`. Private are
`numba.core`, the options in `UNDOCUMENTED`, and where a dispatcher keeps compiled code (`entry_point`). A release
without one of them ends the import with an error that names it, instead of the first training step with another.
tests/runtime/kernels/test_numba_internals.py looks at each; pyproject.toml's upper bound on numba is the last
release tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

ACCEPTED = "numba>=0.61,<0.69"
"""As in pyproject.toml."""

UNDOCUMENTED = ("no_cpython_wrapper", "no_cfunc_wrapper", "_nrt", "forceinline")
"""Options of njit that numba's documentation does not list."""


def _missing(what: str) -> ImportError:
    """Return the error for a name that the installed numba does not have."""
    from importlib.metadata import version

    return ImportError(
        f"numba {version('numba')} with llvmlite {version('llvmlite')} has no {what}, which fedqmix compiles with. "
        f"Install a release that was tested: pip install '{ACCEPTED}'"
    )


def _of(module: Any, name: str) -> Any:
    """Return what a module calls by a name. Raises ImportError when it has no such name."""
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise _missing(f"{module.__name__}.{name}") from error


try:
    import numba
    from llvmlite import binding, ir
    from numba import extending
    from numba.core import cgutils, options, types
except ModuleNotFoundError as error:
    if error.name in ("numba", "llvmlite"):
        raise  # not installed, which is another matter
    raise _missing(str(error.name)) from error
except ImportError as error:
    raise _missing(f"such name ({error})") from error

njit, typeof, settings = _of(numba, "njit"), _of(numba, "typeof"), _of(numba, "config")
_intrinsic, _overload = _of(extending, "intrinsic"), _of(extending, "overload")
alloca_once, for_range = _of(cgutils, "alloca_once"), _of(cgutils, "for_range")
get_item_pointer = _of(cgutils, "get_item_pointer")
_host_cpu_features = _of(binding, "get_host_cpu_features")
for _option in UNDOCUMENTED:
    _of(options.DefaultOptions, _option)

__all__ = [
    "ACCEPTED",
    "UNDOCUMENTED",
    "alloca_once",
    "entry_point",
    "for_range",
    "get_item_pointer",
    "host_features",
    "intrinsic",
    "ir",
    "njit",
    "overload",
    "settings",
    "typeof",
    "types",
]


def intrinsic(function: Callable[..., Any]) -> Any:
    """Let compiled code call what a function writes; its type says what numba passes, not what compiled code does."""
    return _intrinsic(function)


def overload(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let compiled code call a Python function as the implementation that the decorated function returns."""
    return cast("Callable[[Callable[..., Any]], Callable[..., Any]]", _overload(function))


def host_features() -> dict[str, bool]:
    """Return what this machine's processor can do, by LLVM's names."""
    return dict(_host_cpu_features())


def entry_point(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Return the machine code that a function was compiled to for these types of arguments.

    Raises ImportError when this numba keeps it elsewhere.
    """
    try:
        return dispatcher.overloads[signature].entry_point
    except AttributeError as error:
        raise _missing(f"Dispatcher.overloads[...].entry_point ({error})") from error
