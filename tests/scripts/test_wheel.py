"""The wheel installs one import name and trains outside the repository, beside a user's folders of any name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.partial_site import partial_site
from support.paths import ROOT

OWN = '''"""A strategy of a user's own."""

from collections.abc import Sequence

from fedqmix.strategies import TeamStrategy


class Mine(TeamStrategy):
    def weights(self, rewards: Sequence[float]) -> list[float]:
        return [1 / len(rewards)] * len(rewards)
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the files that git lists."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: git lists the files")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.startswith(("docs/", "tests/")) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(built)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (made,) = built.glob("fedqmix-*.whl")
    return made


def test_one_name_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fedqmix"}
    assert not any(name.startswith(("fedqmix/tests", "fedqmix/scripts", "fedqmix/docs")) for name in names)
    for needed in (
        "conf/config.yaml",
        "envs/data/maps.json",
        "analysis/viewer/template",
        "testing.py",
        "__main__.py",
        "py.typed",
    ):
        assert any(name.startswith(f"fedqmix/{needed}") for name in names), needed


def test_it_trains_in_a_folder_with_folders_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    site = partial_site(tmp_path / "site", without=("fedqmix",))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    home = tmp_path / "home"
    for name in ("envs", "server", "clients", "strategies", "conf", "runtime"):
        (home / name).mkdir(parents=True)
        (home / name / "__init__.py").write_text("raise ImportError('a folder of the user was imported')\n")
    (home / "mine.py").write_text(OWN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": os.pathsep.join([".", str(site)]), "HOME": str(home)}
    words = ["experiment=smoke", "strategy=own", "strategy.code=mine.py:Mine", "stop.rounds=1", "run_dir=run"]
    command = [sys.executable, "-S", "-m", "fedqmix", "train", *words]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "run" / "summary.json").exists()
    found = [sys.executable, "-S", "-c", "import fedqmix; print(fedqmix.__file__)"]
    place = subprocess.run(found, cwd=home, env=environment, capture_output=True, text=True, check=True).stdout
    assert place.strip() == str(site / "fedqmix" / "__init__.py")
