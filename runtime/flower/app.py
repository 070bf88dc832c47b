"""The Flower app that a run is: what `flwr run` bundles, without any code.

The ServerApp and the ClientApps import fedqmix from where they run, so every machine runs the version that is installed
there; the bundle (FAB) only says which modules they are.
"""

from __future__ import annotations

import io
import zipfile
from importlib import metadata

OVERRIDES = "overrides"
"""The one key of the run configuration: overrides as on the command line, in one text, quoted as for a shell."""

SERVERAPP, CLIENTAPP = "fedqmix.server.app:app", "fedqmix.clients.app:app"
"""The apps of fedqmix: module:object."""
_UNIX = 3
"""The system that a bundle says it was made on, wherever it was (APPNOTE.TXT of ZIP, section 4.4.2)."""

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


def bundle(serverapp: str = SERVERAPP, clientapp: str = CLIENTAPP) -> bytes:
    """Return the bundle as Flower takes it, always the same bytes for the same apps. The apps: module:object."""
    from flwr.cli.build import build_fab_from_files

    project = _PROJECT.format(version=version(), serverapp=serverapp, clientapp=clientapp, key=OVERRIDES)
    data, _ = build_fab_from_files({"pyproject.toml": project.encode()})
    return _stored(data)


def _stored(fab: bytes) -> bytes:
    """Return the bundle without compression, whose bytes depend on the machine's zlib; parties compare its hash."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(fab)) as packed, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as stored:
        for name in packed.namelist():
            about = zipfile.ZipInfo(name)  # with the same time, 1980, everywhere
            about.create_system = _UNIX
            stored.writestr(about, packed.read(name))
    return written.getvalue()


def version() -> str:
    """Return the version of fedqmix that is installed, 0.0.0 in a source tree."""
    try:
        return metadata.version("fedqmix")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0.0.0"
