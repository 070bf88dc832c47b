"""The programs of docs/other_libraries.md run as the page has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fedqmix.analysis.viewer import page
from fedqmix.envs import StarCraft2Env, as_smac
from fedqmix.envs.replays import read_replay
from support.paths import ROOT, python_path

PAGE = (ROOT / "docs" / "other_libraries.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AS_SMAC = Path(as_smac.__file__).parent

MAIN = """
import collections, importlib, sys, yaml

assert isinstance({}, collections.Mapping)
with open("settings.yaml") as file:
    settings = yaml.load(file)
assert settings == {"map_name": "2s3z", "seed": 4}
env = importlib.import_module("envs").REGISTRY["sc2"](**settings)
env.reset()
print(sys.argv[1:], type(env).__module__, env.step([1] * 5)[1])
"""


def program_with(words: str) -> str:
    """The page's one program that contains these words."""
    (program,) = [program for program in PROGRAMS if words in program]
    return program


def run(*command: str | Path, folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": python_path(AS_SMAC)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", ["picture = env.render()", "from fedqmix.envs import StarCraft2Env"])
def test_the_examples_run(words, tmp_path):
    (tmp_path / "example.py").write_text(program_with(words))
    run("example.py", folder=tmp_path)


@pytest.mark.parametrize(
    ("module", "words"), [("supersuit", "concat_vec_envs_v1"), ("torchrl", "import PettingZooWrapper")]
)
def test_the_wrappers_examples_run(module, words, tmp_path):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install {module}", exc_type=ImportError)
    (tmp_path / "example.py").write_text(program_with(words))
    run("example.py", folder=tmp_path)


@pytest.mark.parametrize("own_copy", [False, True])
def test_a_program_for_old_python_runs_unmodified(own_copy, tmp_path):
    """A program laid out like PyMARL, or like PyMARL2 with a class of its own that needs the game."""
    source = tmp_path / "src"
    (source / "envs" / "starcraft").mkdir(parents=True)
    origin = ".starcraft" if own_copy else "smac.env"
    (source / "envs" / "__init__.py").write_text(
        f"from {origin} import StarCraft2Env\nREGISTRY = {{'sc2': StarCraft2Env}}\n"
    )
    (source / "envs" / "starcraft" / "__init__.py").write_text("import a_game_that_is_not_installed\n")
    (source / "main.py").write_text(MAIN)
    (tmp_path / "settings.yaml").write_text("map_name: 2s3z\nseed: 4\n")
    (tmp_path / "run_old.py").write_text(program_with("runpy.run_path"))
    printed = run("run_old.py", "src/main.py", "--config=qmix", folder=tmp_path)
    assert printed == "['--config=qmix'] fedqmix.envs.starcraft2env False\n"


def test_the_viewer_shows_a_saved_replay(tmp_path):
    env = StarCraft2Env("3m", seed=1, replay_dir=str(tmp_path))
    env.reset()
    env.step([4, 4, 4])
    shown = page(read_replay(env.save_replay()))
    assert "3m: cut off after 1 step" in shown
    assert "StarCraft2Env" in shown
