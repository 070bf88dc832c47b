"""Checks for training in one process: Python, packages, a device, writable folders."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from omegaconf import OmegaConf

from fedqmix.runtime.configuration.names import CONFIG_DIR
from fedqmix.runtime.core.finding import Finding
from fedqmix.runtime.diagnosis.packages import packages
from fedqmix.runtime.diagnosis.section import Section, looked_at
from fedqmix.runtime.runs.side_by_side.cores import cores

OLDEST = (3, 11)
ROOM = 2**30
"""Free bytes that a disk should have; a paper-sized run's checkpoints take a few hundred MB."""


def training() -> Section:
    """Check the requirements of `fedqmix train`."""
    findings = [
        _python(),
        looked_at("packages", packages),
        looked_at("device", _device),
        _cores(),
        looked_at("kernel cache", _kernels),
        _folder("run folders", Path("runs"), "run_dir=FOLDER puts a run elsewhere"),
        _room(Path()),
    ]
    return Section("Training in one process (fedqmix train)", findings, needed=True)


def privacy() -> Section:
    """Check that no library sends telemetry."""
    reporters = {"Flower": "FLWR_TELEMETRY_ENABLED", "Ray": "RAY_USAGE_STATS_ENABLED"}
    return Section("Telemetry", [_silent(variable, whose) for whose, variable in reporters.items()])


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST:
        return Finding("Python", False, f"{version}; 3.11 or newer is needed", "make train PYTHON=/path/to/python3.11")
    return Finding("Python", True, f"{version}, {sys.executable}")


def _device() -> Finding:
    import torch  # here, because it may be missing

    if torch.cuda.is_available():
        return Finding("device", True, f"cpu (the default) and {torch.cuda.get_device_name()} (runtime.device=cuda)")
    if shutil.which("nvidia-smi") is not None:
        found = f"cpu; there is a GPU that this PyTorch ({torch.__version__}) cannot use"
        return Finding("device", True, f"{found}. For it: pip install --force-reinstall torch")
    return Finding("device", True, "cpu, the default")


def _cores() -> Finding:
    threads = OmegaConf.load(CONFIG_DIR / "runtime" / "local.yaml").threads
    found = cores()
    hint = "" if found >= threads else "; runtime.threads=1 is quicker here"
    return Finding("cores", True, f"{found}, of which a run computes with {threads}{hint}")


def _kernels() -> Finding:
    from fedqmix.envs import skirmish  # both here, because they load numba, which may be missing
    from fedqmix.runtime.kernels.compile import cache_base

    base = cache_base(Path(skirmish.__file__).parent)
    return _folder("kernel cache", base, "export NUMBA_CACHE_DIR=$HOME/.cache/fedqmix")


def _folder(name: str, path: Path, remedy: str) -> Finding:
    """Check that a file can be written in a folder, or in its nearest existing parent."""
    path = path.absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return Finding(name, True, str(path))
    except OSError as error:
        return Finding(name, False, f"cannot write in {there}: {error.strerror}", remedy)


def _room(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    found = f"{free / 2**30:.1f} GiB free in {path.absolute()}"
    return Finding("disk", free >= ROOM, found, "" if free >= ROOM else "free some space, or run_dir=FOLDER elsewhere")


def _silent(variable: str, whose: str) -> Finding:
    value = os.environ.get(variable, "0")  # `fedqmix` sets it to 0 unless it is set already
    if value == "0":
        return Finding(f"telemetry of {whose}", True, "off in all processes that fedqmix starts")
    return Finding(f"telemetry of {whose}", False, f"reports to its makers: {variable}={value}", f"export {variable}=0")
