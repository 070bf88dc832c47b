"""A SuperLink's state on disk (flwr 1.41's and 1.42's LinkState), prepared before it starts.

Flower registers SuperNodes by `flwr supernode register`, over the network, when the SuperLink runs. Until then the
SuperLink refuses its SuperNodes, and they end. Here they are registered before, by the same function of Flower's that
the network call uses, so no SuperNode is refused and no administrator's call is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, Status, SubStatus
from flwr.server.superlink.linkstate import LinkState, LinkStateFactory
from flwr.supercore.constant import NodeStatus
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.superlink.federation import NoOpFederationManager

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.flower.access import Node

LOST = "the SuperLink was restarted"
"""The failure of a run whose SuperLink ended; the submitting process submits it again."""


def prepare(database: Path, keys: Sequence[Path]) -> dict[str, Node]:
    """Register SuperNodes by their public keys, and fail an earlier SuperLink's unfinished runs.

    database: created when missing. keys: files in OpenSSH format, named after their SuperNode: supernode-0.pub. A
    SuperNode whose key is known keeps its node id; one whose key was removed is unregistered. Without any keys every
    SuperNode is accepted, and none is registered.
    Returns the SuperNodes by name. Raises ConfigurationError for a file without a valid key, for two files with the
    same key, and for a key that was removed at an earlier start.
    """
    factory = LinkStateFactory(str(database), NoOpFederationManager(), ObjectStoreFactory(str(database)))
    state = factory.state()
    wanted = _by_key(keys)
    for node in state.get_node_info():
        if node.public_key not in wanted and node.status != NodeStatus.UNREGISTERED:
            state.delete_node(NOOP_FLWR_AID, node.node_id)
    nodes = {}
    for key, name in wanted.items():
        number = state.get_node_id_by_public_key(key)
        nodes[name] = Node(_registered(state, name, key) if number is None else number, key)
    _end_lost_runs(state)
    return nodes


def _registered(state: LinkState, name: str, key: bytes) -> int:
    """Register a SuperNode; return its node id.

    Raises ConfigurationError for a key that was removed before.
    """
    try:
        return state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, key, 0)
    except ValueError as error:
        raise ConfigurationError(
            f"the key of {name} was removed from this SuperLink before, and Flower never registers it again: delete "
            f"{name}/auth.key where the certificates are made, run `fedqmix certs`, and copy the folders of {name} and "
            "of superlink again."
        ) from error


def _by_key(paths: Sequence[Path]) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for path in paths:
        key = _read(path)
        if key in names:
            raise ConfigurationError(
                f"{path} holds the key of {names[key]}, but a SuperNode is identified by its key. Make a key for each "
                "with `fedqmix certs`."
            )
        names[key] = path.stem
    return names


def _end_lost_runs(state: LinkState) -> None:
    """Mark unfinished runs as failed: their ServerApps ended with the earlier SuperLink."""
    for run in state.get_run_info():
        if run.status.status != Status.FINISHED and run.primary_task_id is not None:
            state.finish_task(run.primary_task_id, SubStatus.FAILED, LOST)


def _read(path: Path) -> bytes:
    try:
        key = load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} does not hold a SuperNode's public key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigurationError(
            f"{path} does not hold an elliptic-curve key, which Flower requires: see `fedqmix certs`."
        )
    return public_key_to_bytes(key)
