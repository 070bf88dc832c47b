"""Packed files: the same bytes for the same content, and nothing is taken from a damaged or a hostile one."""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path

import pytest

from fedqmix.runtime.core.errors import CheckpointError
from fedqmix.runtime.storage import archive
from fedqmix.runtime.storage.archive import pack, unpack

NAMES = ("a.txt", "b.txt")
FILES = {"a.txt": b"one\n" * 300, "b.txt": b""}


def entry(name: str, content: bytes = b"x", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tar(*entries: tuple[tarfile.TarInfo, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as packed:
        for info, content in entries:
            packed.addfile(info, io.BytesIO(content))
    return lzma.compress(file.getvalue())


def both(**more: object) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [entry("a.txt", b"x", **more), entry("b.txt", b"y")]


def refusal(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "packed.tar.xz"
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CheckpointError) as caught:
        unpack(path, NAMES)
    assert sorted(tmp_path.rglob("*")) == before
    return str(caught.value)


def test_what_is_packed_is_unpacked_and_its_bytes_are_those_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "packed.tar.xz"
    path.write_bytes(pack(FILES))
    assert unpack(path, NAMES) == FILES
    assert pack(unpack(path, NAMES)) == path.read_bytes()
    assert len(path.read_bytes()) < 300
    with tarfile.open(path) as packed:
        assert [(one.name, one.mtime, one.uid, one.uname, one.gname) for one in packed] == [
            (name, 0, 0, "", "") for name in FILES
        ]


@pytest.mark.parametrize("kept", [0, 99, -9])
def test_a_file_that_was_cut_is_damaged(tmp_path: Path, kept: int) -> None:
    assert "damaged" in refusal(tmp_path, pack(FILES)[:kept])


def test_a_file_that_something_follows_is_damaged(tmp_path: Path) -> None:
    assert "something follows it" in refusal(tmp_path, pack(FILES) + b"more")
    assert "something follows it" in refusal(tmp_path, pack(FILES) + pack(FILES))


def test_a_file_with_any_byte_changed_is_damaged(tmp_path: Path) -> None:
    data = pack(FILES)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]
        assert "packed.tar.xz is " in refusal(tmp_path, changed)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("../a.txt"), entry("b.txt")], "'../a.txt' does not belong"),
        ([entry("/etc/passwd"), entry("b.txt")], "'/etc/passwd' does not belong"),
        ([*both(), entry("c.txt")], "'c.txt' does not belong"),
        ([*both(), entry("a.txt")], "'a.txt' does not belong"),
        ([entry("a.txt", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), entry("b.txt")], "does not belong"),
        ([entry("a.txt", b"", type=tarfile.LNKTYPE, linkname="b.txt"), entry("b.txt")], "does not belong"),
        ([entry("a.txt", b"", type=tarfile.DIRTYPE), entry("b.txt")], "does not belong"),
        ([entry("a.txt", b"", type=tarfile.CHRTYPE), entry("b.txt")], "does not belong"),
        ([entry("a.txt", b"", type=tarfile.GNUTYPE_SPARSE), entry("b.txt")], "is "),
        ([entry("a.txt")], "it has no b.txt"),
        ([], "it has no a.txt and no b.txt"),
        (both(mtime=1_700_000_000), "more than the content"),
        (both(uname="somebody"), "more than the content"),
        (both(mode=0o755), "more than the content"),
    ],
)
def test_what_pack_would_not_write_is_refused(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], words: str
) -> None:
    assert words in refusal(tmp_path, tar(*entries))


def test_extended_headers_are_refused(tmp_path: Path) -> None:
    info, content = entry("a.txt")
    info.pax_headers = {"comment": "mine"}
    assert "more than the content" in refusal(tmp_path, tar((info, content), entry("b.txt"), format=tarfile.PAX_FORMAT))


@pytest.mark.parametrize("data", [b"no tar at all" * 100, b"\0" * 20_000])
def test_what_is_no_tar_is_damaged(tmp_path: Path, data: bytes) -> None:
    assert "damaged" in refusal(tmp_path, lzma.compress(data))


def test_a_little_file_cannot_fill_the_memory(tmp_path: Path) -> None:
    bomb = lzma.compress(bytes(archive.LARGEST + 1))
    assert len(bomb) < 20_000
    assert f"more than {archive.LARGEST:,} bytes" in refusal(tmp_path, bomb)
    assert "damaged" in refusal(tmp_path, lzma.compress(b"x", preset=9))  # it would take more memory than is allowed


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_PACKED", 50)
    assert "larger than 50 bytes" in refusal(tmp_path, pack(FILES))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot read .*nothing.tar.xz: No such file"):
        unpack(tmp_path / "nothing.tar.xz", NAMES)
