"""The checks of the Python packages that env=smac needs. No package is imported for them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError

SMAC_PATH = "FEDQMIX_SMAC_PATH"
"""The environment variable with the folder that holds `smac/`, for a SMAC that is not installed."""
SMAC_SOURCE = "https://github.com/oxwhirl/smac/archive/d6aab33f76abc3849c50463a8592a84f59a5ef84.zip"
ABSENT = "not installed"
PROTOCOL = "pys2clientprotocol"
OLD_PROTOCOL = "s2clientprotocol"
SMALL = {"absl-py": "absl", "portpicker": "portpicker", "websocket-client": "websocket"}
"""The dependencies of pysc2 that it and SMAC really import: distribution and module."""


@dataclass(frozen=True)
class Package:
    """The result of a package's check.

    found: the installed version or the fault. remedy: the commands that repair it, empty if the package is right.
    """

    name: str
    found: str
    remedy: str = ""


def pip() -> str:
    """Return the command of this Python's pip."""
    found = shutil.which("pip")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "pip"
    return f"{brief(Path(sys.executable))} -m pip"


def brief(path: Path) -> str:
    """Return a path with the user's home folder as ~."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


def packages() -> list[Package]:
    """Check every package, in the order of installation."""
    checks: list[Callable[[], Package]] = [_protocol, _protobuf, *(_small(name) for name in SMALL), _pysc2, _smac]
    return [check() for check in checks]


def smac_on_path() -> None:
    """Put the folder of FEDQMIX_SMAC_PATH first on sys.path; call it before `smac` is imported.

    Raises ConfigurationError when that folder does not hold SMAC.
    """
    named = os.environ.get(SMAC_PATH)
    if not named:
        return
    if not _is_smac(_spec()):
        raise ConfigurationError(f"{SMAC_PATH}={named}: this folder holds no smac/env/starcraft2, SMAC's source.")
    folder = str(Path(named).expanduser().absolute())
    if sys.path[0] != folder:
        sys.path.insert(0, folder)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _install() -> str:
    """Return the command that installs the package index's packages with their dependencies."""
    return f"{pip()} install {PROTOCOL}==1.0.2 {' '.join(SMALL)}"


def _protocol() -> Package:
    """Check the game's messages.

    Two distributions hold the same files, for different versions of protobuf.
    """
    new, old = _version(PROTOCOL), _version(OLD_PROTOCOL)
    again = f"{pip()} uninstall -y {OLD_PROTOCOL} {PROTOCOL}\n{_install()}"
    if old is not None and new is not None:
        both = f"{PROTOCOL} {new} and {OLD_PROTOCOL} {old} lie over one another: same files"
        return Package(PROTOCOL, both, again)
    if old is not None:
        return Package(PROTOCOL, f"{OLD_PROTOCOL} {old} instead, made for protobuf below 3.21", again)
    if new is None:
        return Package(PROTOCOL, ABSENT, _install())
    if find_spec("s2clientprotocol") is None:
        return Package(PROTOCOL, f"{new}, but its files are gone", again)
    return Package(PROTOCOL, new)


def _protobuf() -> Package:
    """Check protobuf.

    SMAC's setup requires a version below 3.21; Flower and the game's messages need 6.
    """
    found = _version("protobuf")
    if found is None or not found.startswith("6."):
        return Package("protobuf", f"{found or ABSENT}; Flower needs 6", f"{pip()} install 'protobuf>=6.31,<7'")
    return Package("protobuf", found)


def _small(distribution: str) -> Callable[[], Package]:
    def check() -> Package:
        if find_spec(SMALL[distribution]) is None:
            return Package(distribution, ABSENT, _install())
        return Package(distribution, _version(distribution) or "there, without a version")

    return check


def _pysc2() -> Package:
    remedy = f"{pip()} install --no-deps pysc2==4.0.0"
    found = _version("pysc2")
    if find_spec("pysc2") is None:
        return Package("pysc2", ABSENT, remedy)
    if found is None or not found.startswith("4."):
        return Package("pysc2", f"{found or 'a version that is not known'}; 4 is needed", remedy)
    return Package("pysc2", found)


def _smac() -> Package:
    """Check SMAC.

    Its module and distribution share their names with SMAC3 (AutoML), a package for tuning hyperparameters.
    """
    remedy = f"{pip()} install --no-deps {SMAC_SOURCE}"
    named = os.environ.get(SMAC_PATH)
    spec = _spec()
    if _is_smac(spec):
        return Package("SMAC", brief(Path(_folders(spec)[0])) + (f" ({SMAC_PATH})" if named else ""))
    if named:
        return Package("SMAC", f"{SMAC_PATH}={named} holds no smac/env/starcraft2", f"unset {SMAC_PATH}\n{remedy}")
    if spec is None:
        return Package("SMAC", ABSENT, remedy)
    where = brief(Path(_folders(spec)[0])) if _folders(spec) else str(spec.origin)
    automl = any((Path(folder) / "facade").is_dir() for folder in _folders(spec))
    what = f"AutoML's smac {_version('smac') or ''}".rstrip() if automl else "another package of that name"
    return Package("SMAC", f"{what} instead, in {where}", f"{pip()} uninstall -y smac\n{remedy}")


def _spec() -> ModuleSpec | None:
    """Find `smac` without importing it, in FEDQMIX_SMAC_PATH if set, else on Python's path."""
    named = os.environ.get(SMAC_PATH)
    if named:
        return PathFinder.find_spec("smac", [str(Path(named).expanduser().absolute())])
    return find_spec("smac")


def _folders(spec: ModuleSpec | None) -> list[str]:
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _is_smac(spec: ModuleSpec | None) -> bool:
    return any((Path(folder) / "env" / "starcraft2" / "starcraft2.py").is_file() for folder in _folders(spec))
