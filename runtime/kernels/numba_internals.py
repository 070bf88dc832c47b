"""The names of numba and llvmlite that the kernels use, public and private.

Public: numba's `njit`, `typeof`, `config` and `numba.extending`, and llvmlite's `ir` and `binding`. Private:
`numba.core`, the options in `UNDOCUMENTED`, and the attribute of a dispatcher that holds compiled code
(`entry_point`). If a release lacks one, the import fails with an error that names it, before any training step.
tests/runtime/kernels/test_numba_internals.py checks each; pyproject.toml's upper bound on numba is the last release
that was tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

ACCEPTED = "numba>=0.61,<0.69"
"""The requirement in pyproject.toml."""

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
    """Return a module's attribute. Raises ImportError when the module lacks it."""
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
        raise  # not installed: a different error
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
    """Declare an intrinsic. Any type: numba passes other arguments than compiled code does."""
    return _intrinsic(function)


def overload(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the implementation that compiled code uses when it calls a Python function."""
    return cast("Callable[[Callable[..., Any]], Callable[..., Any]]", _overload(function))


def host_features() -> dict[str, bool]:
    """Return the features of this machine's processor by LLVM's names."""
    return dict(_host_cpu_features())


def entry_point(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Return a compiled function's machine code for these argument types.

    Raises ImportError when this release of numba stores it elsewhere.
    """
    try:
        return dispatcher.overloads[signature].entry_point
    except AttributeError as error:
        raise _missing(f"Dispatcher.overloads[...].entry_point ({error})") from error
