"""Flower's ServerApp process on a SuperLink (flwr-serverapp of flwr 1.41) with this party's certificate; a program."""

from __future__ import annotations

from fedqmix.runtime.flower import internals, own_certificate
from fedqmix.runtime.flower.environment import required_identity
from fedqmix.runtime.flower.own_apps import only_installed_serverapp


def main() -> None:
    """Run the installed ServerApp for the task that this process's arguments name."""
    internals.require_tested()
    own_certificate.show(required_identity())
    only_installed_serverapp()
    internals.module("flwr.superlink.cli.flwr_serverapp").flwr_serverapp()


if __name__ == "__main__":
    main()
