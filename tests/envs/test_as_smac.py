"""StarCraft2Env under SMAC's own name, and when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.paths import python_path

ELSEWHERE = os.environ | {"PYTHONPATH": python_path()}


def output_of(*command: str | Path, path: str | None = None) -> str:
    """What a Python process prints. path: its PYTHONPATH."""
    environment = ELSEWHERE | ({"PYTHONPATH": path} if path else {})
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def test_smacs_name_leads_here(tmp_path):
    """A program that imports SMAC gets this class by the folder that python -m fedqmix.envs.as_smac prints."""
    folder = Path(output_of("-m", "fedqmix.envs.as_smac").strip())
    program = tmp_path / "program.py"
    program.write_text(
        "from smac.env import MultiAgentEnv, StarCraft2Env\n"
        "env = StarCraft2Env(map_name='3m', seed=1)\n"
        "assert isinstance(env, MultiAgentEnv)\n"
        "print(type(env).__module__, env.get_env_info()['n_agents'])\n"
    )
    assert output_of(program, path=python_path(folder)) == "fedqmix.envs.starcraft2env 3\n"


def test_the_class_is_imported_when_asked_for():
    code = (
        "import sys, fedqmix.envs\n"
        "assert 'fedqmix.envs.starcraft2env' not in sys.modules\n"
        "fedqmix.envs.StarCraft2Env\n"
        "assert 'fedqmix.envs.starcraft2env' in sys.modules\n"
        "fedqmix.envs.nothing_of_ours\n"
    )
    refused = output_of("-c", code).strip()
    assert refused.endswith("AttributeError: module 'fedqmix.envs' has no attribute 'nothing_of_ours'")
