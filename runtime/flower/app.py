"""The Flower app of a run: the bundle that `flwr run` makes, without any code.

ServerApp and ClientApps import the installed fedqmix, so every machine runs its own installed version. The bundle
(FAB) only names their modules.
"""

from __future__ import annotations

import io
import zipfile
from importlib import metadata

OVERRIDES = "overrides"
"""The only key of the run configuration: command line overrides in one text, quoted as for a shell."""

SERVERAPP, CLIENTAPP = "fedqmix.server.app:app", "fedqmix.clients.app:app"
"""The apps of fedqmix: module:object."""
_UNIX = 3
"""The operating system in a bundle's header, the same on every machine (APPNOTE.TXT of ZIP, section 4.4.2)."""

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
    """Return the bundle for Flower; the same apps always give the same bytes.

    serverapp, clientapp: "module:object".
    """
    from flwr.cli.build import build_fab_from_files

    project = _PROJECT.format(version=version(), serverapp=serverapp, clientapp=clientapp, key=OVERRIDES)
    data, _ = build_fab_from_files({"pyproject.toml": project.encode()})
    return _stored(data)


def _stored(fab: bytes) -> bytes:
    """Return the bundle uncompressed.

    Compressed bytes depend on the machine's zlib, and the parties compare the bundle's hash.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(fab)) as packed, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as stored:
        for name in packed.namelist():
            about = zipfile.ZipInfo(name)  # its time is 1980 on every machine
            about.create_system = _UNIX
            stored.writestr(about, packed.read(name))
    return written.getvalue()


def version() -> str:
    """Return the installed version of fedqmix; 0.0.0 in a source tree."""
    try:
        return metadata.version("fedqmix")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0.0.0"
