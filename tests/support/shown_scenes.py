"""Episodes to show of worlds that are not battles: scripted teams on the real worlds, recorded as in training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from fedqmix.analysis.benchmarks.team_returns import StateAndScores, Team
from fedqmix.conf.schema import Config
from fedqmix.envs import make_world
from fedqmix.envs.bps.policies import SpreadTeam
from fedqmix.envs.bps.tasks import find_task as spread_task
from fedqmix.envs.lbf.policies import ForagingTeam
from fedqmix.envs.lbf.tasks import find_task as foraging_task
from fedqmix.envs.replays import Replay
from fedqmix.envs.rware.policies import WarehouseTeam
from fedqmix.envs.rware.tasks import find_task as warehouse_task
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.scenes import HasScene
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from fedqmix.runtime.runs.local.recording import Recorder, RewardObserver
from support.hunting import HuntingTeam


class Show(NamedTuple):
    """A task, with the maker of a team for it; of_state: whether the team reads the state."""

    words: tuple[str, ...]
    team: Callable[[Config], Team]
    of_state: bool = False


SHOWS = {
    "bps": Show(
        ("env=bps", "map=bps-1", "env.episode_limit=20"),
        lambda config: SpreadTeam("greedy", spread_task(config.map, config.env), config.seed),
    ),
    "lbf": Show(
        ("env=lbf", "map=Foraging-8x8-2p-3f-v3"),
        lambda config: ForagingTeam("nearest", foraging_task(config.map, config.env).foods, config.seed),
    ),
    "predator_prey": Show(
        ("env=predator_prey", "env.side=6", "env.agents=4", "env.prey=3", "env.episode_limit=60"), HuntingTeam.of
    ),
    "rware": Show(
        ("env=rware", "map=rware-tiny-2ag-v2", "env.episode_limit=60"),
        lambda config: WarehouseTeam("carrier", warehouse_task(config.map, config.env), config.env, config.seed),
        of_state=True,
    ),
    "c-rware": Show(
        ("env=rware", "map=rware-2color-tiny-4ag-v1", "env.episode_limit=60"),
        lambda config: WarehouseTeam("carrier", warehouse_task(config.map, config.env), config.env, config.seed),
        of_state=True,
    ),
}


@cache
def shown(name: str, seed: int = 3, count: int = 1) -> Replay:
    """Record the first of `count` episodes of a show. Q-values are drawn, and one of ten actions counts as explored.

    The chosen action has the highest, 1.5, but 0.5 where it counts as explored.
    """
    show = SHOWS[name]
    config = compose([*show.words, f"seed={seed}"])
    scores, draws = StateAndScores(), np.random.default_rng(seed)
    observer = RewardObserver(scores)
    world = make_world(config.map, config.seed, config.env, observer)
    assert isinstance(world, HasScene)
    recorder, team = Recorder("run-7", config.map, config.seed, world, observer), show.team(config)
    batch = EpisodeBatch(Purpose.VARIED_EVALUATION, 0, count)
    time_step = world.begin(batch)
    team.begin(batch)
    while not (over := time_step.terminated | time_step.truncated).all():
        actions = np.where(over, 0, team.choose(scores.state if show.of_state else time_step.observations))
        q_values, explored = draws.random((*actions.shape, world.spec.n_actions)), draws.random(actions.shape) < 0.1
        np.put_along_axis(q_values, actions[..., None], np.where(explored, 0.5, 1.5)[..., None], 2)
        recorder.acting(time_step, q_values.astype(np.float32), actions, explored)
        time_step = world.step(actions)
    recorder.over(time_step)
    world.close()
    assert recorder.last is not None
    return recorder.last
