"""What can be wrong with a file of a run folder, each as a function that damages one; and what a folder holds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch

from fedqmix.runtime.storage import manifest
from fedqmix.runtime.storage.files import sha256

Damage = Callable[[Path], None]

NESTED = 100_000
HUGE = 2**31
"""Bytes of a file that is too large for anything; it is sparse, and takes no place on the disk."""


def holding(content: str | bytes) -> Damage:
    """Return a damage that gives a file other content."""
    data = content.encode() if isinstance(content, str) else content
    return lambda path: void(path.write_bytes(data))


def void(_: object) -> None:
    """Take a value and return none."""


def replacing(old: str, new: str) -> Damage:
    """Return a damage that changes a text within a file."""

    def damage(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return damage


def row_with(**values: object) -> Damage:
    """Return a damage that sets values of the first row of metrics; one that is `...` is left out."""

    def damage(path: Path) -> None:
        first, *rest = path.read_text().splitlines(keepends=True)
        row = {name: value for name, value in (json.loads(first) | values).items() if value is not ...}
        path.write_text(json.dumps(row) + "\n" + "".join(rest))

    return damage


def first_line(text: str) -> Damage:
    """Return a damage that puts a text in the place of the first row of metrics."""

    def damage(path: Path) -> None:
        _, *rest = path.read_text().splitlines(keepends=True)
        path.write_text(text + "\n" + "".join(rest))

    return damage


def folder(path: Path) -> None:
    """Put a folder in the file's place."""
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    """Put a pipe that is never written in the file's place: opening it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def unreadable(path: Path) -> None:
    """Put a link that leads to itself in the file's place: no user, root included, can open it."""
    path.unlink()
    path.symlink_to(path.name)


def endless(path: Path) -> None:
    """Put a device that never ends in the file's place."""
    path.unlink()
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    """Let the file be larger than any that a run writes."""
    os.truncate(path, HUGE)


def moved_away(path: Path) -> None:
    """Move the file or folder out of the run folder, into the folder `outside` beside it, and link to it."""
    outside = run_around(path).parent / "outside"
    outside.mkdir(exist_ok=True)
    path.symlink_to(shutil.move(path, outside / path.name))


def hard_linked(path: Path) -> None:
    """Let the file be that of a name outside the run folder, too."""
    outside = run_around(path).parent / "outside"
    outside.mkdir(exist_ok=True)
    os.link(path, outside / path.name)


def run_around(path: Path) -> Path:
    """Return the run folder that a path is in."""
    return next(parent for parent in path.parents if (parent / "run.json").exists())


def yaml_bomb(path: Path) -> None:
    """Name a list of lists of lists by aliases: nine levels of nine make 387 million entries."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 9)]
    path.write_text(path.read_text() + "\n".join(levels) + "\n")


def sealed(change: Callable[[str], str]) -> Damage:
    """Return a damage that changes a manifest, and seals it again as the store does."""

    def damage(path: Path) -> None:
        body = path.read_bytes().rpartition(b',\n "sha256": "')[0]
        changed = change(body.decode()).encode()
        path.write_bytes(changed + manifest._seal(changed))

    return damage


def tensors_with(
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], of: Path | None = None
) -> Damage:
    """Return a damage that changes a checkpoint's tensors, with their size and checksum in its manifest.

    That is how an older version wrote it that did not check what it wrote. of: the manifest, where it is elsewhere.
    """

    def damage(path: Path) -> None:
        resealed(path, safetensors.torch.save(change(safetensors.torch.load(path.read_bytes()))), of)

    return damage


def resealed(path: Path, data: bytes, of: Path | None = None) -> None:
    """Give a file of a checkpoint other content, with its size and checksum in the manifest."""
    before = path.read_bytes()
    path.write_bytes(data)

    def change(body: str) -> str:
        changed = re.sub(
            rf'"size": {len(before)},(\s+)"sha256": "{sha256(before)}"',
            rf'"size": {len(data)},\1"sha256": "{sha256(data)}"',
            body,
        )
        assert changed != body
        return changed

    sealed(change)(of or path.with_name("manifest.json"))


def facts_with(text: str) -> Damage:
    """Return a damage that gives a checkpoint other facts, with their checksum."""
    return lambda path: resealed(path, text.encode())


def not_finite(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Put one value that is not a number into the first parameter."""
    name = next(name for name, value in tensors.items() if value.is_floating_point() and value.numel() > 8)
    tensors[name].view(-1)[3] = float("nan")
    return tensors


def without(lacking: str) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a change that leaves one tensor out."""
    return lambda tensors: {name: value for name, value in tensors.items() if name != lacking}


def narrower(which: str) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    """Return a change that leaves a tensor one column of its last axis, which could be copied over all of them."""
    return lambda tensors: tensors | {which: tensors[which][..., :1].clone()}


def content(place: Path) -> dict[str, str]:
    """Return what a folder holds, by path: kind, permissions, and target or checksum; all but locks."""
    found = {}
    for path in sorted(place.rglob("*")):
        mode = path.lstat().st_mode
        told = stat.filemode(mode)
        if path.is_symlink():
            told += f" {path.readlink()}"
        elif stat.S_ISREG(mode) and path.name != ".lock":
            told += f" {path.stat().st_size} " + hashlib.sha256(_beginning(path)).hexdigest()
        if path.name != ".lock":
            found[str(path.relative_to(place))] = told
    return found


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2**24)
