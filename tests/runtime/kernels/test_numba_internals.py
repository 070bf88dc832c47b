"""What the kernels take from numba and llvmlite is there, and nothing is taken past the one file that names it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from fedqmix.runtime.kernels import numba_internals
from fedqmix.runtime.kernels.compile import NO_WRAPPERS

ROOT = Path(__file__).parents[3]
ROOMS = ("algorithms", "analysis", "clients", "envs", "networks", "runtime", "server", "strategies")


@pytest.mark.parametrize("name", numba_internals.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(numba_internals, name) is not None


def test_numba_is_compiled_with_by_this_file_alone() -> None:
    taken = re.compile(r"^\s*(?:from|import)\s+(?:numba|llvmlite)\b", re.MULTILINE)
    users = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if taken.search(path.read_text())]
    assert {str(path.relative_to(ROOT)) for path in users} == {
        "runtime/kernels/numba_internals.py",
        "analysis/benchmarks/world.py",  # its version, for the record
    }


def test_all_undocumented_options_are_named() -> None:
    sources = [path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    used = set(re.findall(r"\b(_nrt|forceinline)=", "".join(sources))) | set(NO_WRAPPERS)
    assert used == set(numba_internals.UNDOCUMENTED)


def test_the_range_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert numba_internals.ACCEPTED in project["dependencies"]


def test_machine_code_is_called_without_a_look_at_the_types() -> None:
    @numba_internals.njit
    def twice(number: float) -> float:
        return number + number

    signature = (numba_internals.typeof(np.float64(1.5)),)
    twice.compile(signature)
    assert numba_internals.entry_point(twice, signature)(1.5) == 3.0


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        ("import numba.core.cgutils as c; del c.for_range", "numba.core.cgutils.for_range"),
        ("import numba.core.options as o; del o.DefaultOptions._nrt", "DefaultOptions._nrt"),
        ("import numba.core, sys; sys.modules['numba.core.options'] = None; del numba.core.options", "options"),
        ("import llvmlite.binding as b; del b.get_host_cpu_features", "llvmlite.binding.get_host_cpu_features"),
    ],
)
def test_a_release_without_one_of_them_is_refused_by_name(removed: str, named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{removed}\nimport fedqmix.runtime.kernels.compile"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: numba ")
    assert f"{named}" in last
    assert f"pip install '{numba_internals.ACCEPTED}'" in last


def test_code_kept_elsewhere_is_refused_by_name() -> None:
    class Dispatcher:
        overloads = {(): object()}  # noqa: RUF012

    with pytest.raises(ImportError, match=r"has no Dispatcher\.overloads\[\.\.\.\]\.entry_point"):
        numba_internals.entry_point(Dispatcher(), ())


def test_a_missing_numba_is_said_to_be_missing() -> None:
    code = "import sys; sys.modules['numba'] = None\nimport fedqmix.runtime.kernels.compile"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "ModuleNotFoundError: import of numba halted" in done.stderr.strip().splitlines()[-1]
