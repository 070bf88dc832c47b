"""Where this folder is on Python's path, fedqmix's own apps are those of tests/support/echo_app.py, in every process.

A federation with certificates runs the installed apps alone; so these stand in the place of the installed ones.
"""

import sys
from importlib import import_module
from types import ModuleType


class _App(ModuleType):
    """A module whose `app` is imported when it is asked for: most processes have no use for Flower."""

    def __init__(self, name: str, stand_in: str) -> None:
        super().__init__(name)
        self.stand_in = stand_in

    def __getattr__(self, name: str) -> object:
        if name != "app":
            raise AttributeError(name)
        return getattr(import_module("support.echo_app"), self.stand_in)


sys.modules["fedqmix.server.app"] = _App("fedqmix.server.app", "server")
sys.modules["fedqmix.clients.app"] = _App("fedqmix.clients.app", "client")
