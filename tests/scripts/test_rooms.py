"""Every folder of the package is in every list of folders: what is installed, checked, and copied into the image."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
NOT_INSTALLED = {"tests", "docs", "scripts"}


def packages() -> set[str]:
    """Return the package of every folder that has an __init__.py, under its import name."""
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("[a-z]*/**/__init__.py")}
    inside = {folder for folder in folders if folder.parts[0] not in NOT_INSTALLED | {"build"}}
    return {"fedqmix", *(".".join(("fedqmix", *folder.parts)) for folder in inside)}


def test_every_package_is_installed_under_one_name() -> None:
    assert {"fedqmix.clients", "fedqmix.runtime.kernels"} <= packages()
    assert set(PROJECT["setuptools"]["packages"]) == packages()
    assert PROJECT["setuptools"]["package-dir"] == {"fedqmix": "."}


def test_every_package_is_type_checked() -> None:
    tops = {name.split(".")[1] for name in packages() if "." in name}
    assert {name.removeprefix("fedqmix.") for name in PROJECT["mypy"]["packages"]} == tops


def test_every_package_goes_into_the_image() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed >= {name.split(".")[1] for name in packages() if "." in name} | {"__init__.py", "__main__.py"}


def test_at_most_twelve_folders_stand_at_the_root() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: git lists the files")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in listed.splitlines() if "/" in line and not line.startswith(".")}
    assert len(folders) <= 12
    assert {"server", "clients", "strategies", "envs", "conf", "tests"} <= folders


def test_the_bundle_for_flower_holds_no_code() -> None:
    assert PROJECT["flwr"]["app"]["fab-include"] == ["pyproject.toml"]


def test_every_file_imports_the_package_by_its_name() -> None:
    """In the repository's own folder `import runtime` finds a second copy of the package; programs in texts too."""
    tops = "|".join(sorted({name.split(".")[1] for name in packages() if "." in name}))
    wrong = re.compile(rf"^\s*(from|import) ({tops})[. ]", re.MULTILINE)
    texts = {
        path: path.read_text(encoding="utf-8") for path in ROOT.glob("[a-z]*/**/*.py") if "build" not in path.parts
    }
    assert len(texts) > 500
    assert [str(path.relative_to(ROOT)) for path, text in texts.items() if wrong.search(text)] == []
