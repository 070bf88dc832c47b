"""What is refused, or warned of, before anything starts, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.runs.lifecycle import memory_need
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.lifecycle.memory_free import free_memory
from fedqmix.runtime.runs.lifecycle.memory_need import GIB, of_federation, of_run, require_memory
from fedqmix.runtime.runs.seeds.experiment import Experiment

TRAIN = ["train", "map=2s_vs_1sc", "experiment=smoke", "stop.rounds=1"]
FOLDERS = {
    "train": [*TRAIN, "run_dir=PLACE"],
    "seeds": [*TRAIN, "seeds=[1,2]", "run_dir=PLACE"],
    "sweep": [*TRAIN, "-m", "seed=1,2", "run_dir='PLACE/${seed}'"],
    "up": ["up", *TRAIN[1:], "run_dir=PLACE"],
    "paper": ["paper", "scale=smoke", "run_dir=PLACE"],
    "ladder": ["ladder", "maps=[3m]", "experiment=smoke", "run_dir=PLACE"],
    "ladder's data": ["ladder", "maps=[3m]", "experiment=smoke", "run_dir=HERE/ladder", "data=PLACE"],
    "ladder's out": ["ladder", "maps=[3m]", "experiment=smoke", "run_dir=HERE/ladder", "out=PLACE"],
    "collect": ["collect", "RUN", "data=PLACE"],
    "report": ["report", "RUN", "out=PLACE"],
}


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nobody can write, root included."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=False).returncode:
        pytest.skip("root may write anywhere, and cannot mount a read-only file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def begun(folder: Path, *words: str) -> Path:
    """A run that has not finished a round."""
    told = [*TRAIN[1:], f"run_dir={folder}", *words]
    RunFolder.create(folder, compose(told), ["fedqmix", "train", *told]).close()
    return folder


def refused(words: list[str], here: Path, place: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused and leave everything as it was; return the error."""
    run = here / "run" if (here / "run").exists() else begun(here / "run")
    before = sorted(here.rglob("*"))
    names = {"PLACE": place, "HERE": here, "RUN": run}
    for name, path in names.items():
        words = [word.replace(name, str(path)) for word in words]
    capfd.readouterr()
    assert main(words) == 2
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    assert "starting" not in said.out
    assert sorted(here.rglob("*")) == before
    return said.err


@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_that_cannot_be_written(
    command: str, tmp_path: Path, read_only: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refused(FOLDERS[command], tmp_path, read_only / "new", capfd)
    assert f"{read_only}/new" in said
    assert "cannot be written" in said


@pytest.mark.parametrize("command", FOLDERS)
@pytest.mark.parametrize("around", ["", "new/"])
def test_a_folder_with_too_long_a_name(
    command: str, around: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refused(FOLDERS[command], tmp_path, tmp_path / f"{around}{'x' * 300}", capfd)
    assert "cannot be written" in said
    assert "300 bytes" in said or "name too long" in said


@pytest.mark.parametrize(
    "words",
    [
        ["train", "resume=PLACE"],
        ["up", "resume=PLACE"],
        ["submit", "insecure=true", "resume=PLACE"],
        ["report", "PLACE"],
    ],
    ids=lambda words: words[0],
)
def test_a_run_with_too_long_a_name_is_no_run(
    words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "name too long" in refused(words, tmp_path, tmp_path / ("x" * 300), capfd)


def test_too_long_a_path_and_a_file_in_the_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deep = tmp_path / "/".join(["x" * 99] * 40)[: 3900 - len(str(tmp_path))]  # the system takes 4,096
    assert "bytes, of which" in refused([*TRAIN, "run_dir=PLACE"], tmp_path, deep, capfd)
    (tmp_path / "file").write_text("mine")
    for command in ("train", "up", "seeds", "paper", "collect"):
        assert "file is a file" in refused(FOLDERS[command], tmp_path, tmp_path / "file" / "new", capfd)


def test_up_refuses_a_folder_with_a_run_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refused(FOLDERS["up"], tmp_path, tmp_path / "run", capfd)
    assert f"holds a run already: choose another, or go on with resume={tmp_path}/run" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
@pytest.mark.parametrize("command", ["train", "seeds", "sweep", "up", "paper", "ladder"])
def test_a_missing_device(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = refused([*FOLDERS[command], "runtime.device=cuda"], tmp_path, tmp_path / "new", capfd)
    assert "PyTorch sees no CUDA GPU: use runtime.device=cpu" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_a_missing_device_of_a_run_that_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = begun(tmp_path / "run")
    before = (run / "run.json").read_bytes(), (run / "config.yaml").read_bytes()
    refused(["train", "resume=RUN", "runtime.device=cuda"], tmp_path, tmp_path, capfd)
    with Experiment.begin([*TRAIN[1:], f"run_dir={tmp_path}/seeds"], [1, 2]):
        pass
    refused(["train", "resume=PLACE", "runtime.device=cuda"], tmp_path, tmp_path / "seeds", capfd)
    assert ((run / "run.json").read_bytes(), (run / "config.yaml").read_bytes()) == before


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_need, "free_memory", lambda swap=False: GIB // 4)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("command", ["train", "seeds", "up", "paper", "ladder"])
def test_what_cannot_even_begin(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = refused(FOLDERS[command], tmp_path, tmp_path / "new", capfd)
    assert "of memory before the first episode, and 0.2 GiB are free" in said


def test_a_buffer_that_fits_only_at_first_is_warned_of_with_the_largest_that_fits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*TRAIN[1:], "algorithm.buffer_size=100000"]
    for command, need in (("train", of_run(compose(words))), ("up", of_federation(compose(words)))):
        free = (need.fixed + need.full) // 2
        monkeypatch.setattr(memory_need, "free_memory", lambda swap=False, free=free: free)
        warning = require_memory([need], "this", "")
        assert warning is not None
        largest = int(warning.rpartition("=")[2].rstrip("."))
        fits = of_run if command == "train" else of_federation
        for size, silent in ((largest, True), (largest + 1, False)):
            sized = fits(compose([*words, f"algorithm.buffer_size={size}"]))
            assert (require_memory([sized], "this", "") is None) is silent
        assert require_memory([need, need], "both", "") != warning
    assert main(["train", *words, f"run_dir={tmp_path}/run", "stop.rounds=1", "runtime.threads=1"]) == 0
    assert "The largest that is sure to fit is algorithm.buffer_size=" in capfd.readouterr().err


def test_a_federation_takes_what_all_its_processes_take() -> None:
    config = compose(["map=3m", "model.hidden=4000"])
    alone, all_of_them = of_run(config), of_federation(config)
    assert all_of_them.fixed - alone.fixed > 2 * GIB
    assert (all_of_them.episode, all_of_them.buffer) == (alone.episode, alone.buffer)
    assert alone.fixed > of_run(compose(["map=3m"])).fixed + 2 * GIB  # 3 agents of 36 million weights, five of each


def test_networks_too_large_for_any_machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = refused([*FOLDERS["train"], "model.hidden=1000000"], tmp_path, tmp_path / "new", capfd)
    assert "choose a smaller model.hidden" in said


def test_buffers_that_do_not_fit_into_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (GIB, 2 * GIB))
    need = of_run(compose(["map=3m", "runtime.device=cuda", "algorithm.buffer_size=25000"]))
    assert require_memory([need], "this", "") is None  # the machine's own memory holds no buffer
    with pytest.raises(memory_need.ConfigurationError, match=r"GPU's memory, and 1\.0 GiB are free.*buffer_size=\d+;"):
        require_memory([need, need], "both", "")


@pytest.mark.parametrize(
    ("group", "files"),
    [
        (
            "0::/made",
            {"made/memory.max": "1000", "made/memory.current": "700", "made/memory.stat": "inactive_file 50\n"},
        ),
        ("0::/made/in", {"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 1\ninactive_file 50\n"}),
        (
            "4:memory:/made",
            {
                "memory/made/memory.limit_in_bytes": "1000",
                "memory/made/memory.usage_in_bytes": "700",
                "memory/made/memory.stat": "inactive_file 3\ntotal_inactive_file 50\n",
            },
        ),
    ],
)
def test_a_containers_limit_counts(group: str, files: dict[str, str], tmp_path: Path) -> None:
    groups, mounted = tmp_path / "cgroup", tmp_path / "mounted"
    groups.write_text(f"3:cpu:/made\n{group}\n")
    for name, text in files.items():
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).write_text(text)
    assert free_memory(groups=groups, mounted=mounted) == 350
    for path in mounted.rglob("memory.[ml][ai]*"):
        path.write_text("max" if path.name == "memory.max" else "9223372036854771712")
    assert free_memory(groups=groups, mounted=mounted) > GIB // 4
