"""The calls that each party may make at a SuperLink and at a SuperNode (flwr 1.41)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from flwr.proto.control_pb2 import StartRunRequest
from flwr.proto.fleet_pb2 import PushMessagesRequest
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER
from google.protobuf.message import DecodeError

from fedqmix.runtime.flower.closed_port import CONTROL, FLEET, HEALTH, RUNTIME, Access, Call, anybody, only
from fedqmix.runtime.flower.own_bundle import foreign

SUBMIT, SUPERLINK = "submit", "superlink"
START = f"{CONTROL}start-run"
REPLIES = f"{FLEET}push-messages"
TAKEN = frozenset({"fab", "override_config"})
"""The fields of a submission that count: the bundle and the overrides. Others name an app to be fetched elsewhere."""
_KEY_HEADER = FLEET_HTTP_PUBLIC_KEY_HEADER.lower().encode()


@dataclass(frozen=True)
class Node:
    """A SuperNode as the SuperLink knows it. id: Flower's. key: the public key it signs with, as Flower's bytes."""

    id: int
    key: bytes


def superlink_access(nodes: Mapping[str, Node]) -> Access:
    """Return who may call what at a SuperLink. nodes: its SuperNodes by the names in their certificates.

    | path                                       | party                                                   |
    | ------------------------------------------ | ------------------------------------------------------- |
    | /health                                    | every party                                             |
    | /v1/control/start-run, list-runs, stop-run | submit; start-run with fedqmix's own bundle alone       |
    | /v1/fleet/...                              | supernode-K with the key of node K, as the node K alone |
    | /v1/runtime/...                            | superlink: its SuperExec and its ServerApp              |
    """
    fleet = _Fleet(nodes)
    return Access(
        paths={
            HEALTH: anybody,
            START: only(SUBMIT),
            f"{CONTROL}list-runs": only(SUBMIT),
            f"{CONTROL}stop-run": only(SUBMIT),
            FLEET: fleet.own_key,
            RUNTIME: only(SUPERLINK),
        },
        bodies={START: _own_bundle, REPLIES: fleet.own_replies},
    )


def supernode_access(party: str) -> Access:
    """Return who may call what at a SuperNode: its health every party, its runtime its own SuperExec and ClientApps."""
    return Access({HEALTH: anybody, RUNTIME: only(party)})


class _Fleet:
    """The calls of SuperNodes: Flower checks the key's signature, this checks whose key it must be."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def own_key(self, call: Call) -> str | None:
        """Refuse whoever is not a SuperNode that is known, or shows another one's public key."""
        node = self._nodes.get(call.caller)
        if node is None:
            return f"{call.path} is for the SuperNodes that are known here; {call.caller} is none of them."
        shown = [value for name, value in call.headers if name == _KEY_HEADER]
        try:
            own = len(shown) == 1 and b64decode(shown[0], validate=True) == node.key
        except binascii.Error:
            own = False
        return None if own else f"the key that was shown is not that of {call.caller} (auth.key): copy its own folder."

    def own_replies(self, call: Call, body: bytes) -> str | None:
        """Refuse replies in another node's name, which Flower accepts from every SuperNode."""
        try:
            replies = PushMessagesRequest.FromString(body).messages_list
        except DecodeError:
            return "not a list of replies."
        number = self._nodes[call.caller].id
        if all(reply.metadata.src_node_id == number for reply in replies):
            return None
        return f"a reply in the name of another node than that of {call.caller}."


def _own_bundle(_: Call, body: bytes) -> str | None:
    """Refuse every submission but that of fedqmix's own bundle."""
    try:
        request = StartRunRequest.FromString(body)
    except DecodeError:
        return "not a submission."
    unknown = {field.name for field, _ in request.ListFields()} - TAKEN
    if unknown:
        return f"a submission holds {' and '.join(sorted(TAKEN))} here, not {', '.join(sorted(unknown))}."
    return foreign(request.fab.content)
