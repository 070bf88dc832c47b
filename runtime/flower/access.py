"""The calls that a SuperLink and a SuperNode accept from each party (flwr 1.41)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from flwr.proto.control_pb2 import StartRunRequest
from flwr.proto.fleet_pb2 import PushMessagesRequest
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER
from google.protobuf.message import DecodeError

from fedqmix.runtime.flower.closed_port import Access, Call, every_party, only
from fedqmix.runtime.flower.own_bundle import foreign
from fedqmix.runtime.flower.requests import CONTROL, FLEET, HEALTH, RUNTIME

SUBMIT, SUPERLINK = "submit", "superlink"
START = f"{CONTROL}start-run"
REPLIES = f"{FLEET}push-messages"
TAKEN = frozenset({"fab", "override_config"})
"""The allowed fields of a submission: bundle and overrides. Others name an app to be fetched from elsewhere."""
_KEY_HEADER = FLEET_HTTP_PUBLIC_KEY_HEADER.lower().encode()


@dataclass(frozen=True)
class Node:
    """A SuperNode that is registered at the SuperLink.

    id: Flower's node id. key: the public key of its signatures, in Flower's encoding.
    """

    id: int
    key: bytes


def superlink_access(nodes: Mapping[str, Node]) -> Access:
    """Return the access rules of a SuperLink.

    nodes: its SuperNodes by the names in their certificates.

    | path                                       | party                                                   |
    | ------------------------------------------ | ------------------------------------------------------- |
    | /health                                    | every party                                             |
    | /v1/control/start-run, list-runs, stop-run | submit; start-run only with fedqmix's own bundle         |
    | /v1/fleet/...                              | supernode-K, with the key and in the name of its node   |
    | /v1/runtime/...                            | superlink: its SuperExec and its ServerApp              |
    """
    fleet = _Fleet(nodes)
    return Access(
        paths={
            HEALTH: every_party,
            START: only(SUBMIT),
            f"{CONTROL}list-runs": only(SUBMIT),
            f"{CONTROL}stop-run": only(SUBMIT),
            FLEET: fleet.own_key,
            RUNTIME: only(SUPERLINK),
        },
        bodies={START: _own_bundle, REPLIES: fleet.own_replies},
    )


def supernode_access(party: str) -> Access:
    """Return the access rules of a SuperNode: health for all, runtime for its own processes.

    Its own processes are its SuperExec and ClientApps, which show the same certificate.
    """
    return Access({HEALTH: every_party, RUNTIME: only(party)})


class _Fleet:
    """The rules for SuperNodes: Flower verifies the signature, these verify the key's owner."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def own_key(self, call: Call) -> str | None:
        """Refuse unknown SuperNodes, and calls with another SuperNode's public key."""
        node = self._nodes.get(call.caller)
        if node is None:
            return f"{call.path} is for registered SuperNodes only; {call.caller} is not one of them."
        shown = [value for name, value in call.headers if name == _KEY_HEADER]
        try:
            own = len(shown) == 1 and b64decode(shown[0], validate=True) == node.key
        except binascii.Error:
            own = False
        return None if own else f"the key is not {call.caller}'s (auth.key): copy the folder of {call.caller} again."

    def own_replies(self, call: Call, body: bytes) -> str | None:
        """Refuse replies in another node's name, which Flower itself accepts."""
        try:
            replies = PushMessagesRequest.FromString(body).messages_list
        except DecodeError:
            return "not a list of replies."
        number = self._nodes[call.caller].id
        if all(reply.metadata.src_node_id == number for reply in replies):
            return None
        return f"a reply in the name of another node than {call.caller}'s."


def _own_bundle(_: Call, body: bytes) -> str | None:
    """Refuse every submission except of fedqmix's own bundle."""
    try:
        request = StartRunRequest.FromString(body)
    except DecodeError:
        return "not a submission."
    unknown = {field.name for field, _ in request.ListFields()} - TAKEN
    if unknown:
        return f"a submission may hold {' and '.join(sorted(TAKEN))} only, not {', '.join(sorted(unknown))}."
    return foreign(request.fab.content)
