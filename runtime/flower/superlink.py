"""Flower's SuperLink (flwr 1.41) with access control for the parties of its own federation.

The access rules are in runtime/flower/access.py. Its SuperExec and ServerApps are programs of ours, which show the
SuperLink's certificate and run the installed apps. With insecure=true the SuperLink answers every caller. Polls wait in
the SuperLink until there may be news (held_polls.py).

Flower's own program starts both detached; each checks every 0.2 s whether its parent runs. If not, it sends itself a
signal, which waits for the main thread, and contacts the SuperLink that has ended. A ServerApp therefore ran on for
half a minute, and held its run folder. Here the system ends them (runtime.core.parent_death).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from fedqmix.runtime.flower import internals, programs
from fedqmix.runtime.flower.access import Node, superlink_access
from fedqmix.runtime.flower.closed_port import close
from fedqmix.runtime.flower.held_polls import SUPERLINK_POLLS, HeldPolls
from fedqmix.runtime.flower.own_bundle import own_hash
from fedqmix.runtime.transport.identity import Identity


def run(arguments: Sequence[str], identity: Identity | None, nodes: Mapping[str, Node]) -> None:
    """Run flower-superlink with these arguments until it ends.

    identity: the SuperLink's certificate; None: insecure. nodes: the registered SuperNodes by the names in their
    certificates. Raises ConfigurationError when this version of Flower does not allow access control.
    """
    program = internals.module("flwr.superlink.cli.flower_superlink")
    if identity is not None:
        internals.require_tested()
        close(program, identity, superlink_access(nodes), HeldPolls(SUPERLINK_POLLS).around)
        own_hash()  # computed before the first submission
    elif hasattr(program, "uvicorn"):
        program.uvicorn = HeldPolls(SUPERLINK_POLLS).stand_in()
    internals.replace(program, subprocess=programs.stand_in())
    sys.argv = ["flower-superlink", *arguments]
    program.flower_superlink()
