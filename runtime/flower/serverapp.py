"""Flower's ServerApp process (flwr-serverapp of flwr 1.41) with this party's certificate.

A program (python -m), which the SuperLink's SuperExec starts.
"""

from __future__ import annotations

from fedqmix.runtime.flower import internals, own_certificate
from fedqmix.runtime.flower.environment import required_identity
from fedqmix.runtime.flower.own_apps import only_installed_serverapp


def main() -> None:
    """Run the installed ServerApp for the task in this process's arguments."""
    internals.require_tested()
    own_certificate.show(required_identity())
    only_installed_serverapp()
    internals.module("flwr.superlink.cli.flwr_serverapp").flwr_serverapp()


if __name__ == "__main__":
    main()
