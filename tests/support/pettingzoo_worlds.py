"""Worlds of env=pettingzoo over the environments of parallel_envs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fedqmix.envs.code_suite import measured
from fedqmix.envs.from_pettingzoo.options import PettingZooOptions
from fedqmix.envs.options import world_options

FILE = Path(__file__).with_name("parallel_envs.py")


def options_of(name: str, **changes: Any) -> PettingZooOptions:
    """Return the settings of an environment, with its sizes."""
    made = measured(world_options("pettingzoo", code=f"{FILE}:{name}", **changes))
    assert isinstance(made, PettingZooOptions)
    return made
