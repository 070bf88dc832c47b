"""Flower's SuperLink (flwr 1.41), which answers the parties of its own federation only, each what it may ask.

runtime/flower/access.py says who may call what. Its SuperExec and ServerApps are programs of ours, which show the
SuperLink's certificate and run the installed apps. With insecure=true anybody is answered.

Flower's own program starts both detached, and lets them look every fifth of a second whether their parent is there;
then they ask themselves to end by a signal that waits for their main thread, and say farewell to a SuperLink that is
gone. So a ServerApp went on for half a minute, and held its run folder. Here the system ends them
(runtime.core.parent_death).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from fedqmix.runtime.flower import internals, programs
from fedqmix.runtime.flower.access import Node, superlink_access
from fedqmix.runtime.flower.closed_port import close
from fedqmix.runtime.flower.own_bundle import own_hash
from fedqmix.runtime.transport.identity import Identity


def run(arguments: Sequence[str], identity: Identity | None, nodes: Mapping[str, Node]) -> None:
    """Be flower-superlink with these arguments, until it ends.

    identity: of superlink; None is insecure. nodes: the SuperNodes it knows, by the names in their certificates.
    Raises ConfigurationError when this version of Flower cannot be closed.
    """
    program = internals.module("flwr.superlink.cli.flower_superlink")
    if identity is not None:
        internals.require_tested()
        close(program, identity, superlink_access(nodes))
        own_hash()  # made once, not at the first submission
    internals.replace(program, subprocess=programs.stand_in())
    sys.argv = ["flower-superlink", *arguments]
    program.flower_superlink()
