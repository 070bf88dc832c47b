"""`env=smac` on a machine without StarCraft II: one screen that says what to type, and nothing is begun."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.world import make
from support.partial_site import GAME_NAMES, partial_site, python_with
from support.worlds import KeepingSink


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partial_site(tmp_path_factory.mktemp("bare") / "site", GAME_NAMES)


@pytest.mark.parametrize("command", ["train", pytest.param("up", marks=pytest.mark.slow)])
def test_one_screen_says_what_is_missing_and_nothing_is_begun(bare: Path, tmp_path: Path, command: str) -> None:
    python, environment = python_with(bare)
    words = [*python, "-m", "fedqmix", command, "env=smac", "map=3m"]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "error: env=smac map=3m needs StarCraft II, and parts are missing on this machine."
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert "  not installed: pys2clientprotocol, absl-py, portpicker, websocket-client, pysc2, SMAC" in lines
    assert any("install --no-deps pysc2==4.0.0" in line for line in lines)
    assert "  scripts/install_sc2.sh" in lines
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["env=smac", "seeds=[1,2]"], ["-m", "env=skirmish,smac"]], ids=" ".join)
def test_several_runs_begin_with_what_the_last_of_them_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    assert "scripts/install_sc2.sh" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_world_process_says_the_same_when_a_run_asks_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It learns which world is wanted when a run opens its first attempt; the error goes back to the run."""
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="needs StarCraft II"):
        make(to_yaml(compose(["env=smac", "map=3m"])), KeepingSink())
