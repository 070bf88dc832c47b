"""SMAC's keyword arguments (StarCraft2Env.__init__), as this world understands them.

played     obs_*, state_*, reward_*: the settings of conf/env/skirmish.yaml of the same names
kept       seed, continuing_episode, replay_dir, replay_prefix
fixed      step_mul, move_amount, heuristic_ai: another value than this world's would be another task, so it is refused
ignored    what changes only the game: game_version, difficulty, window sizes, heuristic_rest, debug; a value that
           differs from SMAC's default is noted once in a process
"""

from __future__ import annotations

import difflib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fedqmix.envs.battle_options import BattleOptions
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.envs.skirmish.smacv2.options import Smacv2Options
from fedqmix.runtime.core.errors import ConfigurationError

KEPT: Mapping[str, Any] = {"seed": None, "continuing_episode": False, "replay_dir": "", "replay_prefix": ""}
FIXED: Mapping[str, tuple[Any, str]] = {
    "step_mul": (8, "an environment step is 8 game loops"),
    "move_amount": (2, "a move order leads 2 cells away"),
    "heuristic_ai": (False, "agents choose their own actions here; fedqmix.envs.scripted has scripted teams"),
}
IGNORED: Mapping[str, Any] = {
    "game_version": None,
    "difficulty": "7",
    "window_size_x": 1920,
    "window_size_y": 1200,
    "heuristic_rest": False,
    "debug": False,
}
OF_SMACV2 = {field.name for field in fields(Smacv2Options)} - {field.name for field in fields(BattleOptions)}
PLAYED = tuple(field.name for field in fields(SkirmishOptions) if field.name not in {"name", *OF_SMACV2})
LARGEST_SEED = 2**31 - 1

_log = logging.getLogger(__name__)
_noted: set[str] = set()


@dataclass(frozen=True)
class Settings:
    """The settings of one environment."""

    env: SkirmishOptions
    seed: int
    continuing_episode: bool
    replay_dir: str
    replay_prefix: str


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings from SMAC's keyword arguments.

    Raises ConfigurationError for an unknown name, a wrong type, and a value that this world cannot play.
    """
    known = (*PLAYED, *KEPT, *FIXED, *IGNORED)
    for name, value in given.items():
        if name not in known:
            raise ConfigurationError(_unknown(name, known))
        if name in FIXED and value != FIXED[name][0]:
            only, reason = FIXED[name]
            raise ConfigurationError(f"{name}={value!r} cannot be played: {reason}. Allowed: {name}={only!r}.")
    _note([name for name, default in IGNORED.items() if given.get(name, default) != default])
    kept = {name: given.get(name, default) for name, default in KEPT.items()}
    kept["seed"] = _seed(kept["seed"])
    for name in ("continuing_episode", "replay_dir", "replay_prefix"):
        wanted = type(KEPT[name])
        if not isinstance(kept[name], wanted):
            raise ConfigurationError(f"{name}={kept[name]!r} is not valid: it must be of type {wanted.__name__}.")
    return Settings(env=skirmish_options(**{name: given[name] for name in PLAYED if name in given}), **kept)


def _seed(seed: Any) -> int:
    if seed is None:
        return secrets.randbelow(LARGEST_SEED + 1)
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise ConfigurationError(f"seed={seed!r} is not valid: it must be a whole number or None.")
    return int(seed)


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"StarCraft2Env has no setting {name!r}.{hint} Settings: map_name, {', '.join(known)}."


def _note(names: list[str]) -> None:
    new = [name for name in names if name not in _noted]
    if new:
        _noted.update(new)
        _log.warning("ignored, because they change only StarCraft II itself: %s.", ", ".join(new))
