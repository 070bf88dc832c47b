"""`fedqmix up`, one of whose services can write no file beyond so many KiB: `small_disks.py SERVICE KIB [WORD ...]`."""

import sys
from collections.abc import Iterator

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.deployment import one_machine
from fedqmix.runtime.processes import Service

name, kib = sys.argv[1], int(sys.argv[2])
stages = one_machine.Deployment._stages


def limited(deployment: one_machine.Deployment) -> Iterator[list[Service]]:
    for stage in stages(deployment):
        for service in stage:
            if service.name == name:
                assert isinstance(service.command, list)
                service.command[:] = ["bash", "-c", f'ulimit -f {kib}; exec "$0" "$@"', *service.command]
        yield stage


one_machine.Deployment._stages = limited
sys.exit(main(["up", *sys.argv[3:]]))
