"""A disk that fills up while a checkpoint is written, at any point: the earlier checkpoint stays whole."""

import os
import resource
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from fedqmix.runtime.core.errors import CheckpointError, StorageError
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from fedqmix.runtime.storage.rounds import Rounds
from support.stored_run import RUN_ID, check, facts_of, leftovers, new_rings, play, save, tensors_of


@contextmanager
def files_of_at_most(size):
    """Let the kernel refuse to write any file beyond so many bytes, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False, capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("mounting a small file system takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def refused(store, earlier, attempt):
    """Assert that round 2 cannot be saved, that the error helps, and that round 1 is as it was; return the error."""
    before = sorted(store.folder.rglob("*"))
    with pytest.raises(StorageError) as refusal:
        attempt()
    text = str(refusal.value)
    assert "Checkpoint round-000002 could not be written" in text
    assert "make room" in text
    assert f"fedqmix train resume={earlier}" in text
    assert ".tmp-" not in text
    assert sorted(store.folder.rglob("*")) == before
    check(CheckpointStore.load(store.latest()), 1, 3)
    return text


@pytest.mark.parametrize(
    ("episodes", "tensors", "facts", "file"),
    [
        (3, {}, {}, "episodes/agents-0-6-"),
        (0, tensors_of(2), {}, "round-000002/agents.safetensors"),
        (0, {}, facts_of(2) | {"long": 500 * "."}, "round-000002/facts.json"),
        (0, {}, {}, "round-000002/manifest.json"),
    ],
)
def test_any_file_that_cannot_be_written_whole(tmp_path, episodes, tensors, facts, file):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    play(rings, 3)
    earlier = save(store, 1, rings)
    play(rings, episodes)
    with files_of_at_most(200):
        text = refused(store, earlier, lambda: store.save(2, tensors, facts, rings))
    assert f"{tmp_path}/{file}" in text
    assert "bytes were being written" in text
    save(store, 2, rings)
    check(CheckpointStore.load(store.latest()), 2, 3 + episodes)


def test_a_full_disk(small_disk):
    store, rings = CheckpointStore(small_disk / "checkpoints", 1, RUN_ID), new_rings()
    play(rings, 3)
    earlier = save(store, 1, rings)
    play(rings, 3)
    needed = 7 * os.sysconf("SC_PAGE_SIZE")  # two segments, three groups, facts, manifest: a page each or more
    free = shutil.disk_usage(small_disk).free
    for left in range(0, needed, os.sysconf("SC_PAGE_SIZE")):
        (small_disk / "ballast").write_bytes(bytes(free - left))
        text = refused(store, earlier, lambda: save(store, 2, rings))
        assert "No space left on device while" in text
        assert f"{left:,} bytes are free there" in text
    (small_disk / "ballast").unlink()
    save(store, 2, rings)
    check(CheckpointStore.load(store.latest()), 2, 6)


def test_best_that_cannot_be_written_leaves_the_earlier_best(tmp_path):
    store, rings = CheckpointStore(tmp_path, 1, RUN_ID), new_rings()
    save(store, 1, rings)
    store.save_best(tensors_of(1), facts_of(1))
    with files_of_at_most(100), pytest.raises(StorageError, match="Checkpoint best could not be written"):
        store.save_best(tensors_of(2), facts_of(2))
    assert CheckpointStore.load(store.best()).facts == facts_of(1)
    assert not leftovers(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"could not be written.*Not a directory.*has to start anew"):
        save(CheckpointStore(tmp_path / "file" / "checkpoints", 1, RUN_ID), 1, new_rings())


@pytest.mark.parametrize("owner", ["agent 2", "the mixer"])
def test_a_party_that_cannot_write_is_named_with_advice_for_the_whole_run(tmp_path, owner):
    """resume= of a party's own folder is refused."""

    class Thing:
        rings = new_rings()

        def state(self):
            return tensors_of(1)

        def load(self, tensors, checkpoint):
            raise AssertionError

    rounds = Rounds(tmp_path / "rounds", RUN_ID, Thing, owner)
    rounds.commit(1)
    play(rounds.change(1).rings, 3)
    with files_of_at_most(200), pytest.raises(StorageError) as refusal:
        rounds.commit(2)
    text = str(refusal.value)
    assert text.startswith(f"{owner} could not write {tmp_path}/rounds/episodes/")
    assert "File too large" in text
    assert "make room. Its state after round 1 is whole" in text
    assert "resume=RUN/checkpoints/round-000001, where RUN is the run folder" in text
    assert "train resume" not in text
    rounds.commit(2)
    next((tmp_path / "rounds" / "round-000002").glob("*.safetensors")).write_bytes(b"damaged")
    with pytest.raises(
        CheckpointError, match=f"^{owner}: .*damaged.*round 1 is whole.*resume=RUN/checkpoints/"
    ) as refusal:
        Rounds(tmp_path / "rounds", RUN_ID, Thing, owner).after(2)
    assert "train resume" not in str(refusal.value)
