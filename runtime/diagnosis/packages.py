"""Whether every installed package has what it asks for, in a version that it takes."""

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
    """Follow what fedqmix asks for from package to package. Extras are left out: they are looked at by themselves."""
    seen: dict[str, str] = {}
    wrong = list(dict.fromkeys(_wrong("fedqmix", _ours(), seen)))
    if wrong:
        return Finding("packages", False, "; ".join(wrong[:4]) + ("; ..." if len(wrong) > 4 else ""), INSTALL)
    versions = ", ".join(f"{name} {seen[name]}" for name in ("torch", "flwr", "numba", "numpy", "protobuf"))
    return Finding("packages", True, f"{len(seen)} as they are asked for, among them {versions}")


def _wrong(asker: str, requirements: list[str], seen: dict[str, str]) -> Iterator[str]:
    """Say what is missing or too old, below one package; seen: versions of what has been looked at."""
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
    """Return what fedqmix asks for: of the source it runs from, or else of its installation."""
    if PROJECT.is_file():
        return list(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])
    return metadata.requires("fedqmix") or []
