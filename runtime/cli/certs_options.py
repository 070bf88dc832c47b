"""The options of `fedqmix certs`: parsing and validation."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedqmix.runtime.cli import service_options
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.parties import parties

_OPTIONS = ("agents", "out", "days", "renew")
_HOSTS = "hosts."
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
"""One part of a host name (RFC 1123, section 2.1)."""
_AGENT = re.compile(r"agent-(0|[1-9][0-9]*)")
MOST_AGENTS, MOST_DAYS = 1000, 3650


@dataclass(frozen=True)
class CertsOptions:
    """The parsed options of `fedqmix certs`.

    agents: number of agents. out: folder of the authority and of the parties' folders. days: days for which new
    certificates are valid. renew: whether valid certificates are replaced too. hosts: names and addresses by party.
    """

    agents: int
    out: Path
    days: int
    renew: bool
    hosts: Mapping[str, tuple[str, ...]]


def parse(words: Sequence[str]) -> CertsOptions:
    """Parse the words.

    Raises ConfigurationError with the invalid word and the nearest valid one.
    """
    named = [word.partition("=")[0] for word in words]
    hosts = [name for name in named if name.startswith(_HOSTS)]
    values = service_options.parse("certs", words, (*_OPTIONS, *hosts), shown=(*_OPTIONS, "hosts.PARTY"))
    out = Path(values.get("out", "certs"))
    agents = service_options.whole(values, "agents", 1, MOST_AGENTS) if "agents" in values else _agents_of(out)
    return CertsOptions(
        agents=agents,
        out=out,
        days=service_options.whole(values, "days", 825, MOST_DAYS),
        renew=service_options.flag(values, "renew", default=False),
        hosts={name.removeprefix(_HOSTS): _hosts(name, values[name], agents) for name in hosts},
    )


def _agents_of(out: Path) -> int:
    """Return the number of agents that a folder was made for.

    Raises ConfigurationError when it has none.
    """
    found = [int(match[1]) for folder in out.glob("agent-*") if (match := _AGENT.fullmatch(folder.name))]
    if not found:
        raise ConfigurationError(f"how many agents? {out} holds none yet: fedqmix certs agents=3 out={out}")
    return max(found) + 1


def _hosts(name: str, value: str, agents: int) -> tuple[str, ...]:
    party, known = name.removeprefix(_HOSTS), parties(agents)
    if party not in known:
        raise ConfigurationError(unknown("party", party, known))
    hosts = tuple(_plain(host) for host in value.split(","))
    for host in hosts:
        if _is_party(host) and host != party:
            # Callers of the world check for the name `world`: no other party's certificate may hold it.
            raise ConfigurationError(
                f"{name}={value}: '{host}' is the name of another party; no host may be called so."
            )
        if not _is_host(host):
            raise ConfigurationError(
                f"{name}={value}: '{host}' is neither a host name (such as world.lan) nor an address (such as 10.0.0.2 "
                "or fd00::2); write them without port, parted by commas."
            )
    return hosts


def _plain(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip()))  # an IPv6 address can be written in many ways
    except ValueError:
        return host.strip().lower()


def _is_party(host: str) -> bool:
    return host in parties(0) or re.fullmatch(r"(agent|supernode)-[0-9]+", host) is not None


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        # A connecting party would read a name that ends in digits as an address.
        return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdecimal()
    return True
