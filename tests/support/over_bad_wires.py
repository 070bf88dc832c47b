"""`fedqmix up` whose processes reach each other over bad wires only: program arguments are those of `up`.

Says at the end how often connections were cut and repeated.
"""

import sys
from unittest.mock import patch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.deployment.one_machine import Deployment
from fedqmix.runtime.processes import Service
from support.bad_wire import BadWire

WIRES: dict[int, BadWire] = {}
PARTIES = ("world", "mixer", "agent")


def over_a_wire(word: str) -> str:
    """Put a wire in front of the party that a word such as world=127.0.0.1:9101 names."""
    party, _, place = word.partition("=")
    if party not in PARTIES or ":" not in place:
        return word
    port = int(place.rpartition(":")[2])
    if port not in WIRES:
        WIRES[port] = BadWire(port, delay_s=0.002, cut_every=300, double=True)
    return f"{party}=127.0.0.1:{WIRES[port].port}"


def stages_over_wires(self: Deployment) -> list[list[Service]]:
    """Return the services, which know each other's wires, not each other."""
    stages = _stages(self)
    for service in (service for stage in stages for service in stage):
        words = [word for word in service.command if not word.startswith("sockets=")]
        service.command[:] = map(over_a_wire, words)
    return stages


if __name__ == "__main__":
    _stages = Deployment._stages
    with patch.object(Deployment, "_stages", stages_over_wires):
        code = main(["up", *sys.argv[1:]])
    wires = WIRES.values()
    print(f"{sum(wire.cuts for wire in wires)} cuts, {sum(wire.doubled for wire in wires)} repetitions", flush=True)
    sys.exit(code)
