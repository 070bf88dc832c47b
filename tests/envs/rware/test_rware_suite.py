"""env=rware as a choice: its tasks, its settings, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedqmix import make_world
from fedqmix.envs.factory import agent_types, available_tasks, team_spec
from fedqmix.envs.rware.grid import make_grid
from fedqmix.envs.rware.tasks import SIZES, find_task
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Score
from support.warehouses import rware_options

TINY = """
    ----------
    -XX----XX-
    -XX----XX-
    -XX----XX-
    -XX----XX-
    -XX----XX-
    -XX----XX-
    -XX----XX-
    -XX----XX-
    ----------
    ----GG----
"""


def test_a_grid_drawn_by_hand() -> None:
    grid, rows = make_grid(1, 3), TINY.split()
    assert [[cell != "X" for cell in row] for row in rows] == grid.highways.tolist()
    assert [(x, y) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == "G"] == list(grid.goals)
    assert [(x, y) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == "X"] == list(grid.homes)


@pytest.mark.parametrize(
    ("size", "height", "width", "shelves", "goal"),
    [
        ("tiny", 11, 10, 32, (4, 10)),
        ("small", 20, 10, 80, (4, 19)),
        ("medium", 20, 16, 144, (7, 19)),
        ("large", 29, 16, 224, (7, 28)),
    ],
)
def test_the_sizes_are_the_published(size: str, height: int, width: int, shelves: int, goal: tuple[int, int]) -> None:
    grid = make_grid(*SIZES[size])
    assert (grid.height, grid.width, len(grid.homes)) == (height, width, shelves)
    assert grid.goals == (goal, (goal[0] + 1, goal[1]))


@pytest.mark.parametrize(
    ("task", "agents", "obs_dim", "state_dim", "requests"),
    [
        ("rware-tiny-2ag-v2", 2, 71, 24, 2),
        ("rware-small-4ag-hard-v2", 4, 71, 44, 2),
        ("rware-medium-8ag-easy-v2", 8, 71, 112, 16),
        ("rware-large-19ag-v2", 19, 71, 228, 19),
        ("rware-tiny-3ag-hard-v2", 3, 71, 32, 1),
        ("rware-2color-tiny-4ag-v1", 4, 44, 56, 4),
        ("rware-4color-small-8ag-hard-v1", 8, 62, 104, 4),
    ],
)
def test_a_name_says_what_a_task_is(task: str, agents: int, obs_dim: int, state_dim: int, requests: int) -> None:
    spec = compose_spec(task)
    assert (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim) == (agents, 5, obs_dim, state_dim)
    assert (spec.episode_limit, spec.score) == (500, Score.RETURN)
    assert find_task(task, rware_options()).requests == requests


def compose_spec(task: str) -> Any:
    config = compose(["env=rware", f"map={task}"])
    return team_spec(config.map, config.env)


@pytest.mark.parametrize("task", available_tasks("rware"))
def test_every_number_of_a_listed_task_has_a_name(task: str) -> None:
    for changes in ({}, {"obs_instead_of_state": True}, {"reward": "two_stage", "sensor_range": 2}):
        spec = team_spec(task, rware_options(**changes))
        assert len(set(spec.observation.names)) == spec.obs_dim
        assert len(set(spec.state.names)) == spec.state_dim


def test_the_suite_is_chosen_by_one_word() -> None:
    config = compose(["env=rware"])
    assert (config.map, config.env) == ("rware-tiny-2ag-v2", rware_options())
    changed = compose(["env=rware", "env.reward=two_stage", "env.request_queue_size=3", "env.sensor_range=2"])
    assert changed.env == rware_options(reward="two_stage", request_queue_size=3, sensor_range=2)
    assert team_spec(changed.map, changed.env).obs_dim == 8 + 25 * 7


def test_colours_are_the_agents_types() -> None:
    def types(task: str, **changes: Any) -> list[int]:
        return [int(name.removeprefix("colour ")) for name in agent_types(task, rware_options(**changes))]

    assert types("rware-2color-tiny-4ag-v1") == [0, 0, 1, 1]
    assert types("rware-2color-tiny-5ag-v1") == [0, 0, 0, 1, 1]
    assert types("rware-3color-small-11ag-v1") == [0] * 5 + [1] * 3 + [2] * 3
    assert types("rware-tiny-4ag-v2", colours=2) == [0, 0, 1, 1]
    config = compose(["env=rware", "map=rware-2color-tiny-4ag-v1", "strategy=clusters"])
    assert [len(cluster) for cluster in clusters_of(config) or []] == [2, 2]
    with pytest.raises(ConfigurationError, match=r"rware-tiny-4ag-v2 have no types.*rware-2color-tiny-4ag-v1"):
        compose(["env=rware", "map=rware-tiny-4ag-v2", "strategy=clusters"])


REFUSED = [
    (["map=3m"], r"map=3m is not a task of env=rware. Tasks are called rware-SIZE-Nag-v2"),
    (["map=rware-tiny-0ag-v2"], "is not a task of env=rware"),
    (["map=rware-huge-2ag-v2"], r"SIZE: tiny, small, medium, large"),
    (["map=rware-tiny-65ag-v2"], r"is out of range.*N: 1 to 64 agents"),
    (["map=rware-5color-tiny-8ag-v1"], r"is out of range.*C: 1 to 4"),
    (["map=rware-0color-tiny-8ag-v1"], "is out of range"),
    (["map=rware-tiny-2ag-v1"], "without colours have version 2. Write map=rware-tiny-2ag-v2"),
    (["map=rware-2color-tiny-2ag-v2"], "with colours have version 1. Write map=rware-2color-tiny-2ag-v1"),
    (["map=rware-3color-tiny-2ag-v1"], "3 colours and 2 agents: each colour needs an agent"),
    (["map=rware-tiny-1ag-hard-v2"], "requests no shelf.*env.request_queue_size=1"),
    (["map=rware-tiny-16ag-easy-v2"], r"requests 32 of 32 shelves.*env.request_queue_size=31 or less"),
    (["env.request_queue_size=40"], r"requests 40 of 32 shelves"),
    (["env.request_queue_size=0"], "env.request_queue_size=0 is out of range"),
    (["env.reward=team"], r"unknown env.reward 'team'.*individual, global, two_stage"),
    (["env.sensor_range=6"], "env.sensor_range=6 is out of range: a whole number, at least 1 and at most 5"),
    (["env.colours=5"], "env.colours=5 is out of range"),
    (["evaluation.starts=fixed"], "evaluation.starts=fixed with env=rware.*Write evaluation.starts=varied"),
    (["env.groups=2"], "env.groups is a setting of bps and group_matching; env=rware has: env.colours"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_mistakes_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(["env=rware", *words])


def test_a_benchmark_of_an_unknown_task_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "world", "env=rware", "maps=rware-tiny-2ag-v3"]) != 0
    assert "map=rware-tiny-2ag-v3 is not a task of env=rware" in capfd.readouterr().err


def test_help_shows_the_settings(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help", "env=rware"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith("env=rware: the multi-robot warehouse, agents that fetch and deliver")
    assert "env.reward=individual   one of individual, global, two_stage" in shown
    assert "env.colours=null   a whole number, at least 1 and at most 4, or null" in shown


def test_a_python_program_steps_it() -> None:
    with make_world("rware", "rware-tiny-3ag-v2", episodes=2, seed=3, episode_limit=4) as world:
        step = world.reset()
        while not step.ended.all():
            step = world.step(np.ones((3, 2), np.int64))
        assert step.truncated.all()
        assert step.observations.shape == (3, 2, 71)
