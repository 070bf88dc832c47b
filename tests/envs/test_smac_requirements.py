"""What env=smac says of a machine that has none, some, the wrong or all of what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.envs.maps import available_maps
from fedqmix.envs.smac import installation
from fedqmix.envs.smac.requirements import findings, game_version, require, smac_on_path
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.finding import Finding
from support.partial_site import GAME_NAMES, distribution, game, partial_site, python_with, smac_source

SAY = (
    "import dataclasses, json; from fedqmix.envs.smac.requirements import findings\n"
    "print(json.dumps([dataclasses.asdict(finding) for finding in findings('3m')]))"
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site without anything that only env=smac needs."""
    return partial_site(tmp_path_factory.mktemp("bare") / "site", GAME_NAMES)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No game and no source of SMAC is named, and the user's folder is empty."""
    for name in ("SC2PATH", "FEDQMIX_SMAC_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "smac", raising=False)  # imported by another test, it would be found


def said(site: Path, *before: Path, **variables: str) -> dict[str, Finding]:
    """Return what a Python with this site finds; before: folders it looks in first."""
    words, environment = python_with(site, **variables)
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, before), environment["PYTHONPATH"]])
    done = subprocess.run([*words, "-c", SAY], env=environment, capture_output=True, text=True, check=True)
    return {entry["name"]: Finding(**entry) for entry in json.loads(done.stdout)}


def by_name(map: str | None = "3m") -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(map)}


def test_everything_is_missing_where_nothing_is_installed(bare: Path) -> None:
    found = said(bare)
    assert [name for name, finding in found.items() if finding.ok] == ["protobuf"]
    install = "install pys2clientprotocol==1.0.2 absl-py portpicker websocket-client"
    for name in ("pys2clientprotocol", "absl-py", "portpicker", "websocket-client"):
        assert found[name].found == "not installed"
        assert found[name].remedy.endswith(install)
    assert found["pysc2"].remedy.endswith("install --no-deps pysc2==4.0.0")
    assert "github.com/oxwhirl/smac/archive/d6aab33f76abc3849c50463a8592a84f59a5ef84.zip" in found["SMAC"].remedy
    assert found["StarCraft II"].remedy == found["SMAC's maps"].remedy == "scripts/install_sc2.sh"


def test_the_old_protocol_is_told_from_the_new(bare: Path, tmp_path: Path) -> None:
    distribution(tmp_path, "s2clientprotocol", "5.0.14", "s2clientprotocol/__init__.py")
    old = said(bare, tmp_path)["pys2clientprotocol"]
    assert not old.ok
    assert "s2clientprotocol 5.0.14 instead" in old.found
    assert old.remedy.splitlines()[0].endswith("uninstall -y s2clientprotocol pys2clientprotocol")


def test_both_protocols_over_one_another_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distribution(tmp_path, "s2clientprotocol", "5.0.14", "s2clientprotocol/__init__.py")
    distribution(tmp_path, "pys2clientprotocol", "1.0.2")
    monkeypatch.syspath_prepend(tmp_path)
    both = by_name()["pys2clientprotocol"]
    assert not both.ok
    assert "lie over one another" in both.found
    assert len(both.remedy.splitlines()) == 2


def test_a_protobuf_that_flower_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distribution(tmp_path, "protobuf", "3.20.3")
    monkeypatch.syspath_prepend(tmp_path)
    found = by_name()["protobuf"]
    assert not found.ok
    assert "3.20.3" in found.found
    assert "protobuf>=6.31,<7" in found.remedy


@pytest.mark.usefixtures("nowhere")
def test_the_package_of_the_same_name_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distribution(tmp_path / "site", "smac", "2.3.1", "smac/__init__.py", "smac/facade/__init__.py")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = by_name()["SMAC"]
    assert not found.ok
    assert found.found == "AutoML's smac 2.3.1 instead, in ~/site/smac"
    assert found.remedy.splitlines()[0].endswith("uninstall -y smac")
    monkeypatch.setenv("FEDQMIX_SMAC_PATH", str(smac_source(tmp_path / "source")))
    assert by_name()["SMAC"].ok, "the folder that is named goes first"


def test_pysc2_of_another_generation_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    distribution(tmp_path, "PySC2", "3.0.0", "pysc2/__init__.py")
    monkeypatch.syspath_prepend(tmp_path)
    found = by_name()["pysc2"]
    assert (found.ok, found.found) == (False, "3.0.0; 4 is needed")


def test_all_in_order_requires_nothing_more(bare: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    distribution(site, "pys2clientprotocol", "1.0.2", "s2clientprotocol/__init__.py")
    distribution(site, "PySC2", "4.0.0", "pysc2/__init__.py")
    for name, module in (("absl_py", "absl"), ("portpicker", "portpicker"), ("websocket_client", "websocket")):
        distribution(site, name, "1.0", f"{module}/__init__.py")
    source, sc2 = smac_source(tmp_path / "source"), game(tmp_path / "game", "3m")
    words, environment = python_with(bare, SC2PATH=str(sc2), FEDQMIX_SMAC_PATH=str(source))
    environment["PYTHONPATH"] = os.pathsep.join([str(site), environment["PYTHONPATH"]])
    check = (
        "from fedqmix.envs.smac.requirements import *; print([f for f in findings('3m') if not f.ok], require('3m'))"
    )
    assert subprocess.check_output([*words, "-c", check], env=environment, text=True) == "[] None\n"


@pytest.mark.usefixtures("nowhere")
def test_the_game_is_looked_for_where_pysc2_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation.platform, "system", lambda: "Linux")
    assert "no Versions/Base* in ~/StarCraftII (SC2PATH is not set)" in by_name()["StarCraft II"].found
    game(tmp_path / "StarCraftII", "3m")
    assert by_name()["StarCraft II"].ok
    monkeypatch.setenv("SC2PATH", str(tmp_path / "elsewhere"))
    found = by_name()["StarCraft II"]
    assert "elsewhere (SC2PATH)" in found.found
    assert found.remedy == f"scripts/install_sc2.sh --folder {tmp_path / 'elsewhere'}"


@pytest.mark.usefixtures("nowhere")
def test_blizzards_own_note_names_the_folder_on_a_mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation.platform, "system", lambda: "Darwin")
    assert installation.game_folder() == Path("/Applications/StarCraft II")
    note = tmp_path / "Library/Application Support/Blizzard/StarCraft II/ExecuteInfo.txt"
    note.parent.mkdir(parents=True)
    note.write_bytes(b"executable = /Games/SC2/Versions/Base81009/SC2.app/Contents/MacOS/SC2\n\0")
    assert installation.game_folder() == Path("/Games/SC2")
    assert installation.executable(81009) == Path("/Games/SC2/Versions/Base81009/SC2.app/Contents/MacOS/SC2")


def test_a_game_that_may_not_be_executed_is_no_game(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sc2 = game(tmp_path, "3m")
    monkeypatch.setenv("SC2PATH", str(sc2))
    program = sc2 / "Versions/Base75689/SC2_x64"
    program.chmod(0o644)
    assert by_name()["StarCraft II"].remedy == f"chmod +x {program}"
    program.unlink()
    assert "Versions/Base75689/SC2_x64 is not in" in by_name()["StarCraft II"].found


def test_a_map_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SC2PATH", str(game(tmp_path, "8m")))
    assert by_name("8m")["SMAC's maps"].ok
    missing = by_name("3m")["SMAC's maps"]
    assert missing.found.startswith("3m not in ")
    assert missing.remedy == f"scripts/install_sc2.sh --folder {tmp_path} --maps-only"
    assert by_name(None)["SMAC's maps"].found.startswith("22 of 23 maps not in ")
    game(tmp_path / "all", *available_maps())
    monkeypatch.setenv("SC2PATH", str(tmp_path / "all"))
    assert by_name(None)["SMAC's maps"].ok


@pytest.mark.parametrize(
    ("build", "version"),
    [
        (75689, "StarCraft II 4.10.0 (build 75689)"),
        (77379, "StarCraft II 4.11.0 or 4.11.1 (build 77379)"),
        (99999, "StarCraft II (build 99999)"),
    ],
)
def test_the_version_is_that_of_the_newest_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build: int, version: str
) -> None:
    pytest.importorskip("pysc2")
    game(tmp_path, build=58400)
    game(tmp_path, build=build)
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    assert game_version() == version


def test_a_version_is_not_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="is not in"):
        game_version()


def test_the_table_of_versions_is_pysc2s_own() -> None:
    pytest.importorskip("pysc2")
    table = (
        "from pysc2.run_configs import lib; print([(v.game_version, v.build_version) for v in lib.VERSIONS.values()])"
    )
    theirs = subprocess.check_output([sys.executable, "-c", table], text=True)
    assert str(installation._known_versions()) == theirs.strip()


def test_what_is_missing_fits_one_screen(bare: Path, tmp_path: Path) -> None:
    """Everything wrong at once, with long names of folders."""
    distribution(tmp_path, "s2clientprotocol", "5.0.14", "s2clientprotocol/__init__.py")
    distribution(tmp_path, "protobuf", "3.20.3")
    distribution(tmp_path, "PySC2", "3.0.0", "pysc2/__init__.py")
    distribution(tmp_path, "smac", "2.3.1", "smac/__init__.py", "smac/facade/__init__.py")
    words, environment = python_with(bare, SC2PATH=str(tmp_path / "a folder" / ("long " * 20)))
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    check = "from fedqmix.envs.smac.requirements import require\n"
    check += "try: require('3s5z_vs_3s6z')\nexcept Exception as e: print(e)"
    lines = subprocess.check_output([*words, "-c", check], env=environment, text=True).splitlines()
    assert len(lines) <= 24
    commands = lines.index("Type, in this order:")
    assert all(len(line) <= 100 for line in lines[:commands])
    assert "  not installed: absl-py, portpicker, websocket-client" in lines
    assert len([line for line in lines[commands:] if "install --no-deps pysc2" in line]) == 1


@pytest.mark.usefixtures("nowhere")
def test_requiring_says_what_to_type_and_what_else_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SC2PATH", str(game(tmp_path / "sc2")))
    with pytest.raises(ConfigurationError) as refused:
        require("3m")
    text = str(refused.value)
    assert text.startswith("env=smac map=3m ")
    assert f"\n  scripts/install_sc2.sh --folder {tmp_path / 'sc2'} --maps-only\n" in text.replace(" \\\n     ", "")
    assert "fedqmix doctor map=3m" in text
    assert "env=skirmish" in text


def test_smacs_source_goes_first_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    monkeypatch.delenv("FEDQMIX_SMAC_PATH", raising=False)
    smac_on_path()
    assert sys.path == ["elsewhere"]
    monkeypatch.setenv("FEDQMIX_SMAC_PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="holds no smac/env/starcraft2"):
        smac_on_path()
    smac_source(tmp_path)
    smac_on_path()
    smac_on_path()
    assert sys.path == [str(tmp_path), "elsewhere"]


@pytest.mark.skipif("FEDQMIX_SMAC_PATH" not in os.environ, reason="FEDQMIX_SMAC_PATH does not name SMAC's source")
def test_what_is_found_in_order_can_be_imported() -> None:
    """In a process of its own: pysc2 defines flags for the whole of one."""
    assert by_name()["SMAC"].ok
    check = "from fedqmix.envs.smac.requirements import smac_on_path; smac_on_path(); "
    check += "import smac.env as e; print(e.StarCraft2Env)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "starcraft2.StarCraft2Env" in done.stdout
