"""A checkpoint that is not as written is never used: flipped bytes, truncation, missing files."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage import manifest
from fedqmix.runtime.storage.checkpoint import CheckpointStore
from fedqmix.runtime.storage.files import sha256
from support.stored_run import RUN_ID, check, new_rings, play, save


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three rounds whose episodes lie in segments of their own, but for the first two, which share some."""
    folder = tmp_path_factory.mktemp("damage") / "checkpoints"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedqmix.runtime.storage.segments.SMALL", 0)
        store, rings = CheckpointStore(folder, 9, RUN_ID), new_rings()
        for round_, count in ((1, 3), (2, 3), (3, 9)):
            play(rings, count)
            save(store, round_, rings)
    return folder


def files(folder, round_):
    """All files round_ consists of or leans on."""
    path = folder / f"round-{round_:06d}"
    rings = manifest.read(path).rings.values()
    return sorted(path.iterdir()) + [folder / "episodes" / s.file.name for ring in rings for s in ring.segments]


def refused(folder, round_, damaged, whole):
    """Assert that the round is refused, naming the file and the checkpoint that is whole."""
    with pytest.raises(CheckpointError) as refusal:
        CheckpointStore.load(folder / f"round-{round_:06d}")
    text = str(refusal.value)
    assert str(damaged) in text
    assert f"fedqmix train resume={folder / f'round-{whole:06d}'}" in text
    return text


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_flipped_byte_is_found(folder, data):
    path = data.draw(st.sampled_from(files(folder, 3)))
    content = path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    flipped = content[position] ^ data.draw(st.integers(1, 255))
    path.write_bytes(content[:position] + bytes([flipped]) + content[position + 1 :])
    try:
        refused(folder, 3, path, whole=2)
    finally:
        path.write_bytes(content)
    check(CheckpointStore.load(folder / "round-000003"), 3, 15)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_truncation_or_extension_is_found(folder, data):
    path = data.draw(st.sampled_from(files(folder, 3)))
    content = path.read_bytes()
    path.write_bytes(
        (content + b"\n")[: data.draw(st.integers(0, len(content) + 1).filter(lambda n: n != len(content)))]
    )
    try:
        assert "is damaged" in refused(folder, 3, path, whole=2)
    finally:
        path.write_bytes(content)


def test_any_missing_file_is_named(folder):
    for path in files(folder, 3):
        aside = path.rename(path.with_name("aside"))
        assert f"{path} is missing" in refused(folder, 3, path, whole=2)
        aside.rename(path)


def test_a_file_that_cannot_be_read_is_named(folder):
    path = files(folder, 3)[0]
    aside = path.rename(path.with_name("aside"))
    path.mkdir()
    assert "cannot be read: Is a directory" in refused(folder, 3, path, whole=2)
    path.rmdir()
    aside.rename(path)


def test_a_damaged_segment_spoils_every_checkpoint_that_leans_on_it(folder):
    shared = next(path for path in files(folder, 1) if path in files(folder, 2) and path.parent.name == "episodes")
    content = shared.read_bytes()
    shared.write_bytes(content[:-1])
    refused(folder, 1, shared, whole=3)
    refused(folder, 2, shared, whole=3)
    check(CheckpointStore.load(folder / "round-000003"), 3, 15)
    shared.write_bytes(content)


def test_without_another_checkpoint_the_run_starts_anew(tmp_path):
    path = save(CheckpointStore(tmp_path, 1, RUN_ID), 1, new_rings())
    (path / "facts.json").unlink()
    with pytest.raises(CheckpointError, match=r"facts.json is missing.*has to start anew"):
        CheckpointStore.load(path)


def test_a_segment_damaged_between_load_and_fill_is_found(folder):
    loaded = CheckpointStore.load(folder / "round-000003")
    segment = files(folder, 3)[-1]
    content = segment.read_bytes()
    segment.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"is damaged.*round-000002 is whole"):
        loaded.fill(new_rings())
    segment.write_bytes(content)


def test_another_format_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy") / "round-000003" / "manifest.json"
    body = copy.read_bytes().split(b',\n "sha256": "')[:-1]
    text = b',\n "sha256": "'.join(body).replace(b'"format": 1', b'"format": 2')
    copy.write_bytes(text + f',\n "sha256": "{sha256(text)}"\n}}\n'.encode())
    with pytest.raises(CheckpointError, match="format 2; this fedqmix reads format 1"):
        CheckpointStore.load(copy.parent)


def test_saving_goes_on_beside_a_damaged_checkpoint_without_deleting_its_episodes(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "round-000001" / "manifest.json").write_bytes(b"{}")
    loaded = CheckpointStore.load(copy / "round-000003")
    store = CheckpointStore(copy, 4, RUN_ID)
    store.resume_from(loaded)
    rings = check(loaded, 3, 15)
    play(rings, 9)
    save(store, 4, rings)
    check(CheckpointStore.load(copy / "round-000004"), 4, 24)
    (copy / "round-000001" / "manifest.json").write_bytes((folder / "round-000001" / "manifest.json").read_bytes())
    check(CheckpointStore.load(copy / "round-000001"), 1, 3)
