"""The database that a SuperLink of flwr 1.41 left behind, opened by the flwr that is installed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from flwr.common.constant import Status, SubStatus
from flwr.server.superlink.linkstate import LinkState, LinkStateFactory
from flwr.supercore.constant import NodeStatus
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.superlink.federation import NoOpFederationManager

from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.flower.superlink_state import LOST, prepare
from fedqmix.runtime.transport.authority import make_node_key

DUMP = Path(__file__).with_name("superlink_1_41.sql")
FINISHED, UNFINISHED = -122517789450843871 % 2**64, 5269273206526904518


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A SQLite file with the tables and rows that flwr 1.41.0 wrote."""
    path = tmp_path / "superlink.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(DUMP.read_text())
        # The SuperLink was killed a moment ago: the unfinished run's last heartbeat is not overdue yet.
        connection.execute("UPDATE task SET active_until = '2126-11-29 07:28:42' WHERE finished_at IS NULL")
    connection.close()
    return path


def state_of(database: Path) -> LinkState:
    return LinkStateFactory(str(database), NoOpFederationManager(), ObjectStoreFactory(str(database))).state()


def old_keys(database: Path, folder: Path) -> list[Path]:
    """Write the public keys of the database's nodes as the files that `prepare` reads, in the nodes' order."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT public_key FROM node ORDER BY node_id").fetchall()
    paths = []
    for number, (pem,) in enumerate(rows):
        paths.append(folder / f"supernode-{number}.pub")
        paths[-1].write_bytes(load_pem_public_key(pem).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return paths


def test_supernodes_keep_their_ids_and_the_unfinished_run_is_ended(database: Path, tmp_path: Path) -> None:
    with sqlite3.connect(database) as connection:
        before = {key: number for number, key in connection.execute("SELECT node_id, public_key FROM node")}
    prepare(database, old_keys(database, tmp_path))
    state = state_of(database)
    assert {node.public_key: node.node_id for node in state.get_node_info()} == {
        key: number % 2**64 for key, number in before.items()
    }
    (finished,) = state.get_run_info(run_ids=[FINISHED])
    assert (finished.status.status, finished.status.sub_status) == (Status.FINISHED, SubStatus.COMPLETED)
    (ended,) = state.get_run_info(run_ids=[UNFINISHED])
    assert (ended.status.status, ended.status.sub_status) == (Status.FINISHED, SubStatus.FAILED)
    assert ended.status.details == LOST


def test_a_supernode_with_a_new_key_takes_the_place_of_one_whose_key_is_gone(database: Path, tmp_path: Path) -> None:
    kept, _ = old_keys(database, tmp_path)
    before = {node.node_id for node in state_of(database).get_node_info()}
    make_node_key(tmp_path)
    prepare(database, [kept, tmp_path / "auth.pub"])
    after = {node.node_id for node in state_of(database).get_node_info() if node.status != NodeStatus.UNREGISTERED}
    assert len(after) == 2
    assert len(after & before) == 1
    again = prepare(database, [kept, tmp_path / "auth.pub"])  # the third start, with a node that was unregistered
    assert {node.id for node in again.values()} == after


def test_a_key_that_was_taken_out_does_not_come_back(database: Path, tmp_path: Path) -> None:
    kept, other = old_keys(database, tmp_path)
    prepare(database, [kept])
    with pytest.raises(ConfigurationError, match=r"the key of supernode-1 was removed .* `fedqmix certs`"):
        prepare(database, [kept, other])
    assert list(prepare(database, [kept])) == ["supernode-0"]
