"""ServerApp and ClientApp processes that run only the installed fedqmix (flwr 1.41).

Flower unpacks a run's bundle, puts the folder first on Python's path, and imports the modules that the bundle's
pyproject.toml names. Here the bundle must equal fedqmix's own byte for byte; it is never unpacked, and the app is
imported from the installed fedqmix.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from fedqmix.runtime.flower import internals
from fedqmix.runtime.flower.app import CLIENTAPP, OVERRIDES, SERVERAPP
from fedqmix.runtime.flower.own_bundle import require_own


def installed(place: str) -> Any:
    """Return an app of the installed fedqmix. place: module:object."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def only_installed_clientapp() -> None:
    """Make Flower's ClientApp process run only the installed app. Raises ConfigurationError."""
    internals.replace(
        internals.module("flwr.supernode.runtime.run_clientapp"),
        install_from_fab=require_own,
        get_load_client_app_fn=lambda **_: lambda *_: installed(CLIENTAPP),
    )


def only_installed_serverapp() -> None:
    """Make Flower's ServerApp process run only the installed app. Raises ConfigurationError."""
    program = internals.module("flwr.superlink.runtime.run_serverapp")
    run = internals.name(program, "run_")

    def run_installed(*, grid: Any, context: Any, **_: object) -> Any:
        return run(grid=grid, context=context, server_app_dir="", loaded_server_app=installed(SERVERAPP))

    internals.replace(
        program,
        install_from_fab=require_own,
        get_project_config=_own_project,
        get_fused_config_from_dir=_run_config,
        run_=run_installed,
    )


def _own_project(_: object) -> dict[str, Any]:
    """Return the content that Flower expects in the unpacked bundle's pyproject.toml."""
    return {"tool": {"flwr": {"app": {"components": {"serverapp": SERVERAPP}}}}}


def _run_config(_: object, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run configuration: the bundle's only key, with the submitted value."""
    return {OVERRIDES: overrides.get(OVERRIDES, "")}
