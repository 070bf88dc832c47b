"""Flower's ServerApp and ClientApp processes run the installed fedqmix (flwr 1.41). Bundles are never unpacked.

Flower unpacks a run's bundle, puts that folder first on Python's path, and imports what the bundle's pyproject.toml
names. Here the bundle's bytes must be those of fedqmix's own, and the app is imported from where fedqmix is installed.
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
    """Let Flower's ClientApp process run the installed app alone. Raises ConfigurationError if it cannot be made to."""
    internals.replace(
        internals.module("flwr.supernode.runtime.run_clientapp"),
        install_from_fab=require_own,
        get_load_client_app_fn=lambda **_: lambda *_: installed(CLIENTAPP),
    )


def only_installed_serverapp() -> None:
    """Let Flower's ServerApp process run the installed app alone. Raises ConfigurationError if it cannot be made to."""
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
    """Return what Flower reads from the unpacked bundle's pyproject.toml."""
    return {"tool": {"flwr": {"app": {"components": {"serverapp": SERVERAPP}}}}}


def _run_config(_: object, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run configuration: the bundle's only key, as it was submitted."""
    return {OVERRIDES: overrides.get(OVERRIDES, "")}
