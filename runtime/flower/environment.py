"""The environment of flower-superlink and flower-supernode (flwr 1.41 and 1.42)."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.transport.identity import Identity

PACKAGE = __name__.partition(".")[0]

OTHER_PORTS = ("FLWR_INTERNAL_GRPC_CONTROL_API", "FLWR_INTERNAL_GRPC_FLEET_API")
"""With "1" a SuperLink also starts its former gRPC servers, which require no certificate."""


def environment(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a Flower program and of the apps that it starts.

    home: Flower's own folder (FLWR_HOME), one for each process: apps are unpacked there. variables: FEDQMIX_...
    variables for our apps. The user's own settings for Flower are kept.
    """
    programs = str(Path(sys.executable).parent)  # Flower starts its helpers, such as flwr-serverapp, by name
    settings = {
        **os.environ,
        **variables,
        "FLWR_HOME": str(home),
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        **dict.fromkeys(OTHER_PORTS, "0"),
    }
    for name, value in (("FLWR_TELEMETRY_ENABLED", "0"), ("FLWR_DISABLE_UPDATE_CHECK", "1")):
        settings.setdefault(name, value)
    settings.update(source_path())
    return settings


def source_path() -> dict[str, str]:
    """Return the PYTHONPATH for other processes to import this fedqmix; empty when installed.

    A checkout that is not installed is imported by its folder's name, which must be the package's name.
    """
    package = Path(__file__).parents[2]
    folder = package.parent
    if package.name != PACKAGE or str(folder) == sysconfig.get_path("purelib"):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


def required_identity() -> Identity:
    """Return the identity in FEDQMIX_CERTS. Raises ConfigurationError when it is unset."""
    folder = os.environ.get("FEDQMIX_CERTS")
    if not folder:
        raise ConfigurationError("FEDQMIX_CERTS names no folder of certificates; `fedqmix superlink` sets it.")
    return Identity(Path(folder))


def security(certs: Path | None) -> dict[str, str]:
    """Return the variables that name the certificate folder for our apps; None: insecure."""
    return {"FEDQMIX_INSECURE": str(int(certs is None)), "FEDQMIX_CERTS": "" if certs is None else str(certs)}
