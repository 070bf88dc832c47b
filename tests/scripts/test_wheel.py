"""The wheel installs one import name and trains outside the repository, beside a user's folders of any name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
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


IMPORT_ALL = """
import pkgutil
import sys
from importlib import import_module
import fedqmix
for module in pkgutil.walk_packages(fedqmix.__path__, "fedqmix."):
    needs_the_game = module.name.startswith(("fedqmix.envs.as_smac", "fedqmix.envs.smac."))
    if not needs_the_game and not module.name.endswith("__main__"):
        import_module(module.name)
from fedqmix.envs import available_maps, team_spec
from fedqmix.runtime.configuration.settings import compose
from fedqmix.strategies import strategy_class
config = compose(["strategy=own", "strategy.code=mine.py:Mine"])
print(strategy_class(config.strategy).__name__)
print(*(team_spec(name, config.env).n_agents for name in available_maps()))
print(*{module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "fedqmix"}, sep="\\n")
"""


@dataclass(frozen=True)
class Home:
    """A user's folder beside an unpacked wheel, in which folders have the names of fedqmix's own."""

    folder: Path
    site: Path

    def python(self, *words: str) -> str:
        """Run Python there, without the packages of this repository; return what it printed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"PYTHONPATH": os.pathsep.join([".", str(self.site)]), "HOME": str(self.folder)}
        command = [sys.executable, "-S", *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def home(wheel: Path, tmp_path: Path) -> Home:
    site = partial_site(tmp_path / "site", without=("fedqmix",))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    folder = tmp_path / "home"
    for name in ("envs", "server", "clients", "strategies", "conf", "runtime"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise ImportError('a folder of the user was imported')\n")
    (folder / "mine.py").write_text(OWN)
    return Home(folder, site)


def test_all_its_modules_and_data_are_found_in_a_folder_with_folders_of_the_same_names(home: Home) -> None:
    """Everything that a run imports and reads, but for the compilation of kernels, which takes a minute."""
    strategy, sizes, *files = home.python("-c", IMPORT_ALL).splitlines()
    assert strategy == "Mine"
    assert min(map(int, sizes.split())) > 1
    assert len(files) > 300
    assert all(Path(file).is_relative_to(home.site / "fedqmix") for file in files)


@pytest.mark.slow  # it compiles the kernels anew; the test above fails where a module or a file is missing
def test_it_trains_in_a_folder_with_folders_of_the_same_names(home: Home) -> None:
    words = ["experiment=smoke", "strategy=own", "strategy.code=mine.py:Mine", "stop.rounds=1", "run_dir=run"]
    home.python("-m", "fedqmix", "train", *words)
    assert (home.folder / "run" / "summary.json").exists()
