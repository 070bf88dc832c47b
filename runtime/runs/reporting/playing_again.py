"""Evaluation of a run's final and best networks in episodes that training did not play.

The best of many evaluations is also the luckiest. A longer evaluation of the same networks measures how good they are;
Gorsane et al. 2022 (arXiv 2209.10485) ask for ten times the episodes. Results are saved in RUN/evaluation.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from fedqmix.analysis.reports.runs import BEST, FINAL, Replayed, Run
from fedqmix.analysis.reports.statistics import mean_interval
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError, FedqmixError, StorageError
from fedqmix.runtime.core.world import EVALUATIONS
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.runs.local.trained import FIRST_EPISODE, parameters_to_play, play_greedily, round_of, to_play
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.files import sha256_file
from fedqmix.runtime.storage.manifest import MANIFEST
from fedqmix.runtime.storage.untrusted import read_object
from fedqmix.server.records import write_json

EVALUATION = "evaluation.json"
INTERVAL = {"return_low", "return_high"}
"""Fields that results of older versions lack."""


def play_again(run: Run, episodes: int, advance: Callable[[int], None], first_episode: int = FIRST_EPISODE) -> Run:
    """Evaluate a run's final and best networks, or read the results from its folder's cache.

    run: a run of fedqmix. episodes: greedy episodes per network. advance: called with the number of episodes that are
    newly done. first_episode: number of the first episode. Returns the run with `replayed`; `not_replayed` has the
    reasons for networks that cannot be played.
    """
    folder = Path(run.label)
    kept = _read_cache(folder)
    replayed: dict[str, Replayed] = {}
    missing: dict[str, str] = {}
    for which, path in _checkpoints(folder).items():
        if path is None or not (path / MANIFEST).is_file():
            missing[which] = "checkpoint is gone"
            advance(episodes)
            continue
        key = {
            "manifest": sha256_file(path / MANIFEST),
            "episodes": episodes,
            "first_episode": first_episode,
            "starts": run.starts,
        }
        if which in kept and all(kept[which].get(name) == value for name, value in key.items()):
            advance(episodes)
        else:
            try:
                kept[which] = {
                    **key,
                    "result": asdict(_played(run, path, range(first_episode, first_episode + episodes), advance)),
                }
            except FedqmixError as error:
                missing[which] = f"cannot be played: {str(error).splitlines()[0]}"
                continue
            _write_cache(folder, kept)
        replayed[which] = Replayed(**kept[which]["result"])
    return replace(run, replayed=replayed, not_replayed=missing)


def _played(run: Run, path: Path, episodes: range, advance: Callable[[int], None]) -> Replayed:
    folder, checkpoint = Path(run.label), reading.load(path)
    config = to_play(load(folder))
    for what, section in (("world", config.env), ("network", config.model)):
        if getattr(section, "code", None) is not None:
            raise ConfigurationError(
                f"its {what} is code of a user's, which a report does not import (use fedqmix.evaluate)"
            )
    spec = team_spec(config.map, config.env)
    parameters = parameters_to_play(checkpoint, config, spec)  # checked before a team of any size is built
    team = LocalTeam(config)
    won, returned = 0, 0.0
    returns: list[float] = []
    try:
        if run.game not in (None, team.world.game):
            raise CheckpointError(f"it was trained in {run.game}, and here is {team.world.game}")
        team.agents.load(parameters)
        share_out(config.runtime)
        purpose = EVALUATIONS[config.evaluation.starts][0]
        for results in play_greedily(team.agents, team.world, team.mixer.records, purpose, episodes):
            won += int(results.won.sum())
            returned += float(results.returns.mean()) * len(results.returns)
            returns += results.returns.tolist()
            advance(len(results.returns))
    finally:
        team.close()
    name, mean = str(path.relative_to(folder)), returned / len(episodes)
    return Replayed(name, round_of(checkpoint), len(episodes), won, mean, *mean_interval(np.array(returns)))


def _checkpoints(folder: Path) -> dict[str, Path | None]:
    rounds = reading.rounds(folder / reading.CHECKPOINTS)
    final = rounds[max(rounds)] if rounds else None
    return {FINAL: final, BEST: reading.best(folder / reading.CHECKPOINTS)}


def _read_cache(folder: Path) -> dict[str, Any]:
    try:
        kept = read_object(folder / EVALUATION)
    except CheckpointError:  # missing or damaged: the networks are played again
        return {}
    return {which: one for which, one in kept.items() if isinstance(one, dict) and _is_result(one.get("result"))}


def _is_result(found: Any) -> bool:
    """Return whether a value of the cache has the fields and types of a Replayed."""
    known = set(Replayed.__annotations__)
    if not isinstance(found, dict) or set(found) not in (known, known - INTERVAL):
        return False
    counts = [found[name] for name in ("round", "episodes", "won")]
    whole = all(type(one) is int and one >= 0 for one in counts) and found["won"] <= found["episodes"] != 0
    earned = [found[name] for name in ("mean_return", *INTERVAL) if name in found]
    finite = all(type(one) in (int, float) and math.isfinite(one) for one in earned)
    return whole and isinstance(found["checkpoint"], str) and finite


def _write_cache(folder: Path, kept: Mapping[str, Any]) -> None:
    with suppress(StorageError):  # without write access the networks are played again the next time
        write_json(folder / EVALUATION, dict(kept))
