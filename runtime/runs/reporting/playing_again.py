"""Evaluation of a run's final and best networks in episodes that training did not play.

The best of many evaluations is also the luckiest. A longer evaluation of the same networks measures how good they are;
Gorsane et al. 2022 (arXiv 2209.10485) ask for ten times the episodes. Results are saved in RUN/evaluation.json.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from fedqmix.analysis.reports.runs import BEST, FINAL, Replayed, Run
from fedqmix.clients.rounds import evaluate
from fedqmix.envs import team_spec
from fedqmix.runtime.configuration.settings import load
from fedqmix.runtime.core.errors import CheckpointError, FedqmixError, StorageError
from fedqmix.runtime.core.world import EVALUATIONS, Purpose
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes, require_played
from fedqmix.runtime.runs.lifecycle.sides import stacked
from fedqmix.runtime.runs.lifecycle.threads import share_out
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.storage import reading
from fedqmix.runtime.storage.files import sha256_file
from fedqmix.runtime.storage.manifest import MANIFEST
from fedqmix.runtime.storage.untrusted import read_object
from fedqmix.server.records import write_json

EVALUATION = "evaluation.json"
FIRST_EPISODE = 1_000_000_000
"""Number of the first episode; training's evaluations count from 0 and stay below."""
SIDE_BY_SIDE = 32


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


def networks(
    tensors: Mapping[str, Mapping[str, torch.Tensor]], n_agents: int, names: Iterable[str]
) -> dict[str, torch.Tensor]:
    """Return the parameters that a team plays with after a checkpoint: its own, and the aggregates over them.

    tensors: by group and name, as the checkpoint has them. names: of the parameters that act. Returns [agents, ...]
    by name. Raises CheckpointError when some are not there: in a federation personal ones stay with their agents.
    """
    own = tensors.get("agents", {}).items()
    found = {name.removeprefix("online."): value for name, value in own if name.startswith("online.")}
    found |= stacked(tensors.get("aggregate", {}), n_agents)
    lacking = [name for name in names if name not in found]
    if lacking:
        raise CheckpointError(f"{', '.join(lacking)} stayed with the agents")
    return {name: found[name] for name in names}


def _played(run: Run, path: Path, episodes: range, advance: Callable[[int], None]) -> Replayed:
    folder, checkpoint = Path(run.label), reading.load(path)
    config = load(folder)
    spec = team_spec(config.map, config.env)
    # nothing is stored or mixed: the network that acts is the same with any algorithm
    config = replace(config, algorithm=replace(config.algorithm, name="iql", buffer_size=1))
    played = networks(checkpoint.tensors, spec.n_agents, agent_shapes(config, spec))
    require_played(path, played, config, spec)  # before a team of any size is built
    # any result is that of a processor
    most = os.cpu_count() or 1
    threads, world_threads = min(config.runtime.threads, most), min(config.runtime.world_threads, most)
    runtime = replace(config.runtime, device="cpu", threads=threads, world_threads=world_threads)
    team = LocalTeam(replace(config, runtime=runtime))
    try:
        if run.game not in (None, team.world.game):
            raise CheckpointError(f"it was trained in {run.game}, and here is {team.world.game}")
        team.agents.load(played)
        share_out(runtime)
        won, returned = _play_episodes(team, EVALUATIONS[config.evaluation.starts][0], episodes, advance)
    finally:
        team.close()
    round_ = checkpoint.facts.get("round", checkpoint.round)
    round_ = round_ if type(round_) is int else checkpoint.round
    return Replayed(str(path.relative_to(folder)), round_, len(episodes), won, returned / len(episodes))


def _play_episodes(
    team: LocalTeam, purpose: Purpose, episodes: range, advance: Callable[[int], None]
) -> tuple[int, float]:
    """Play with training's evaluation function; return episodes won and the sum of returns."""
    won, returned = 0, 0.0
    for begin in episodes[::SIDE_BY_SIDE]:
        count = min(SIDE_BY_SIDE, episodes.stop - begin)
        won += int(evaluate(team.agents, team.world, begin, count, purpose=purpose).won.sum())
        returned += team.mixer.evaluation_return(purpose) * count
        advance(count)
    return won, returned


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
    if not isinstance(found, dict) or set(found) != set(Replayed.__annotations__):
        return False
    counts = [found[name] for name in ("round", "episodes", "won")]
    whole = all(type(one) is int and one >= 0 for one in counts) and found["won"] <= found["episodes"] != 0
    earned = found["mean_return"]
    return whole and isinstance(found["checkpoint"], str) and type(earned) in (int, float) and math.isfinite(earned)


def _write_cache(folder: Path, kept: Mapping[str, Any]) -> None:
    with suppress(StorageError):  # without write access the networks are played again the next time
        write_json(folder / EVALUATION, dict(kept))
