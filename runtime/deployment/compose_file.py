"""The compose file of a federation: a service per party, with its certificates and networks.

The networks: SuperLink, mixer, world and `train` share `control`; each agent shares one network with world and mixer,
and another with its SuperNode; the SuperNodes and the SuperLink share `flower`. No two agents share a network, and no
network leads out of the machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from fedqmix.runtime.deployment.compose_services import AGENT, COMMON, MIXER, SUPERLINK, SUPERNODE, TRAIN, WORLD
from fedqmix.runtime.deployment.parties import parties

HEADER = """\
# A federation of {agents} agents: {command}
#   fedqmix certs agents={agents} && docker compose build && docker compose up
# `train` starts a run and follows it; the run folder is in the volume `runs`. Another one, when that is over:
#   docker compose run --rm train submit superlink=superlink:8000 certs=/run/certs {task} strategy=pp_pps
# FEDQMIX_UID and FEDQMIX_GID: the owner of certs/ (1000 unless set). FEDQMIX_NET: the first half of the networks'
# addresses. FEDQMIX_TORCH_INDEX: the index of PyTorch in the build. More in docs/deployment.md.
name: fedqmix
"""


def compose_file(task: str, agents: int) -> str:
    """Return the compose file (YAML) for a task and its number of agents (at most 27). task: such as "map=3m"."""
    ids = range(agents)
    own = ", ".join(f"agent-{k}" for k in ids)
    known = [f"supernode-{k}.pub" for k in ids]
    services = [
        SUPERLINK.format(secrets=_uses("superlink", known)),
        WORLD.format(secrets=_uses("world"), agent_networks=own),
        MIXER.format(secrets=_uses("mixer"), agent_networks=own),
        *(AGENT.format(k=k, secrets=_uses(f"agent-{k}")) for k in ids),
        *(SUPERNODE.format(k=k, secrets=_uses(f"supernode-{k}", ["auth.key"])) for k in ids),
        TRAIN.format(task=task, waits=_waits(ids), secrets=_uses("submit")),
    ]
    parts = [
        HEADER.format(agents=agents, task=task, command=f"fedqmix compose {task}"),
        COMMON.format(),
        "services:\n" + "\n".join(services),
        "networks:\n" + _networks(ids),
        "volumes:\n"
        + "\n".join(f"  {name}:" for name in ["runs", "kernels", "superlink", "mixer", *(f"agent-{k}" for k in ids)]),
        "secrets:\n" + _secrets(ids),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _uses(party: str, more: Iterable[str] = ()) -> str:
    own = [_use(f"{party}.{file}", file) for file in ("party.crt", "party.key", *more)]
    return "\n".join([_use("ca.crt", "ca.crt"), *own])


def _use(secret: str, file: str) -> str:
    return f"      - {{source: {secret}, target: /run/certs/{file}}}"


def _waits(ids: range) -> str:
    names = ["superlink", *(f"supernode-{k}" for k in ids)]
    return "\n".join(f"      {name}: {{condition: service_healthy}}" for name in names)


def _networks(ids: range) -> str:
    """Return the networks, with explicit subnets.

    About thirty networks exhaust an engine's default address ranges.
    """
    subnets = {f"agent-{k}": f"{k}.0/28" for k in ids}
    subnets |= {f"door-{k}": f"{k}.128/28" for k in ids}
    subnets |= {"flower": "254.0/24", "control": "255.0/28"}
    return "\n".join(
        f'  {name}: {{internal: true, ipam: {{config: [{{subnet: "${{FEDQMIX_NET:-10.77}}.{subnet}"}}]}}}}'
        for name, subnet in subnets.items()
    )


def _secrets(ids: range) -> str:
    files = {"ca.crt": "ca.crt"}
    for party in parties(len(ids)):
        for file in ("party.crt", "party.key"):
            files[f"{party}.{file}"] = f"{party}/{file}"
    files |= {f"supernode-{k}.auth.key": f"supernode-{k}/auth.key" for k in ids}
    files |= {f"superlink.supernode-{k}.pub": f"superlink/supernode-{k}.pub" for k in ids}
    return "\n".join(f'  {name}: {{file: "${{FEDQMIX_CERTS:-./certs}}/{path}"}}' for name, path in files.items())
