"""The check that every installed package has its requirements, in a suitable version."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from fedqmix.runtime.core.finding import Finding
from fedqmix.runtime.diagnosis.section import INSTALL

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def packages() -> Finding:
    """Check the requirements of fedqmix, and of its requirements, recursively.

    Extras are left out: runtime.diagnosis.extras checks them.
    """
    seen: dict[str, str] = {}
    wrong = list(dict.fromkeys(_wrong("fedqmix", _ours(), seen)))
    if wrong:
        return Finding("packages", False, "; ".join(wrong[:4]) + ("; ..." if len(wrong) > 4 else ""), INSTALL)
    versions = ", ".join(f"{name} {seen[name]}" for name in ("torch", "flwr", "numba", "numpy", "protobuf"))
    return Finding("packages", True, f"{len(seen)} with their requirements met, among them {versions}")


def _wrong(asker: str, requirements: list[str], seen: dict[str, str]) -> Iterator[str]:
    """Yield the missing and unsuitable requirements below one package.

    asker: the package's name. seen: versions of the packages that were checked, updated in place.
    """
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is not installed ({asker} needs it)"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version}, but {asker} needs {requirement.specifier}"
        if requirement.name not in seen:
            seen[requirement.name] = version
            yield from _wrong(requirement.name, metadata.requires(requirement.name) or [], seen)


def _ours() -> list[str]:
    """Return the requirements of fedqmix, from its source tree or else from its installation."""
    if PROJECT.is_file():
        return list(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])
    return metadata.requires("fedqmix") or []
