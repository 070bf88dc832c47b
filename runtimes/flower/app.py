"""The Flower app that a run is: what `flwr run` bundles, without any code.

The ServerApp and the ClientApps import fedqmix from where they run, so every machine runs the version that is installed
there; the bundle (FAB) only says which modules they are.
"""

from __future__ import annotations

from importlib import metadata

OVERRIDES = "overrides"
"""The one key of the run configuration: overrides as on the command line, in one text, quoted as for a shell."""

_PROJECT = """\
[project]
name = "fedqmix"
version = "{version}"
dependencies = []

[tool.flwr.app]
publisher = "fedqmix"

[tool.flwr.app.components]
serverapp = "{serverapp}"
clientapp = "{clientapp}"

[tool.flwr.app.config]
{key} = ""
"""


def bundle(serverapp: str = "server.app:app", clientapp: str = "clients.app:app") -> bytes:
    """Return the bundle as Flower takes it, always the same bytes for the same apps. The apps: module:object."""
    from flwr.cli.build import build_fab_from_files

    project = _PROJECT.format(version=_version(), serverapp=serverapp, clientapp=clientapp, key=OVERRIDES)
    data, _ = build_fab_from_files({"pyproject.toml": project.encode()})
    return data


def _version() -> str:
    try:
        return metadata.version("fedqmix")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0.0.0"
