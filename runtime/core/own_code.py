"""Users' classes, which the settings `*.code` name: module:Class or FILE.py:Class."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import pkgutil
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from fedqmix.runtime.core.errors import ConfigurationError

_ROOT = Path(__file__).parents[2]
_LIBRARIES = (Path(sysconfig.get_path("stdlib")), _ROOT / "envs", _ROOT / "runtime")
"""Folders whose code is not a user's."""


def own_class(setting: str, code: str | None, base: type, base_name: str) -> Any:
    """Import and return a user's class.

    setting: such as "model.code". code: "module:Class", or "path/to/file.py:Class" relative to the current folder.
    base: the required base class; base_name: its import path for users.
    Raises ConfigurationError when the module or class does not exist or cannot be imported. Raises it too when the
    class is not derived from base or has abstract methods left.
    """
    found = own_object(setting, code)
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise ConfigurationError(f"{setting}={code} is not a valid class: derive it from {base_name}.")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise ConfigurationError(f"{setting}={code} is incomplete: it does not implement {missing}.")
    return found


def own_object(setting: str, code: str | None) -> Any:
    """Import and return the object that a `*.code` setting names; see `own_class`."""
    module, colon, name = (code or "").rpartition(":")
    if not (module and colon and name):
        value = "null" if code is None else code
        example = "my_code.py:MyClass or my_module:MyClass"
        raise ConfigurationError(f"{setting}={value}: a file or a module, and a class in it are needed: {example}.")
    try:
        if is_file(module):
            return getattr(_from_file(setting, Path(module)), name)
        return pkgutil.resolve_name(f"{module}:{name}")
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:  # a user's module may raise any error on import
        hint = (
            f" The folder of {module.split('.')[0]} must be on PYTHONPATH, or the package installed; "
            "a file is named by its path, such as my_code.py:MyClass."
        )
        if is_file(module):
            beside = f" Modules beside a file are found through PYTHONPATH={Path(module).parent}."
            hint = beside if isinstance(error, ModuleNotFoundError) else ""
        raise ConfigurationError(f"{setting}={code}: {type(error).__name__}: {error}.{hint}") from error


def stamp(code: str | None) -> int | None:
    """Return a number that changes when the file that a setting names is written; None for a module."""
    file = (code or "").rpartition(":")[0]
    path = Path(file).expanduser()
    return path.stat().st_mtime_ns if is_file(file) and path.is_file() else None


def place_of(error: BaseException) -> str:
    """Return where an error was raised in a user's code, "my_world.py, line 31".

    Calls in fedqmix, Python and installed packages are skipped, unless there are no others.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = ([frame for frame in frames if not _installed(Path(frame.filename))] or frames)[-1]
    return f"{Path(where.filename).name}, line {where.lineno}"


def _installed(file: Path) -> bool:
    inside = {"site-packages", "dist-packages"} & set(file.parts)
    return bool(inside) or any(file.is_relative_to(folder) for folder in _LIBRARIES) or file.name.startswith("<")


def is_file(module: str) -> bool:
    """Return whether the part before the colon names a file."""
    return module.endswith(".py") or "/" in module


def _from_file(setting: str, path: Path) -> ModuleType:
    """Import a file once, under a unique module name."""
    path = path.expanduser().resolve()
    if path.suffix != ".py" or not path.is_file():
        raise ConfigurationError(f"{setting}: there is no file of Python {path}.")
    name = f"fedqmix_own_{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
