"""What `import fedqmix` costs, and the names that it gives."""

from __future__ import annotations

import subprocess
import sys
from typing import get_type_hints

import pytest

import fedqmix
from support.paths import ROOT, python_path

HEAVY = ("torch", "numba", "flwr", "numpy", "hydra", "scipy")
PROGRAM = f"""
import sys
import fedqmix
print(*[name for name in {HEAVY!r} if name in sys.modules])
dir(fedqmix), fedqmix.__all__
print(*[name for name in {HEAVY!r} if name in sys.modules])
fedqmix.ConfigurationError
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def test_importing_it_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": python_path(), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n") == ["", "", "", ""]


def test_every_name_is_there_and_documented() -> None:
    for name in fedqmix.__all__:
        found = getattr(fedqmix, name)
        assert found.__doc__, name
        assert found.__module__.startswith("fedqmix.runtime"), name
        assert name in dir(fedqmix)
    assert set(fedqmix._PLACES) == set(fedqmix.__all__)
    page = (ROOT / "docs" / "python.md").read_text()
    for name in ("train", "Run", "runs", "load", "evaluate", "make_world"):
        assert f"| `{name}(" in page
        assert get_type_hints(getattr(fedqmix, name) if name != "Run" else fedqmix.Run.__init__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        fedqmix.trian  # noqa: B018
