"""env=bps as a choice: its tasks, its settings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fedqmix import make_world
from fedqmix.envs.factory import agent_types, available_tasks, team_spec
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from support.particles import bps_options

SIZES = {
    "bps-1": (15, 10, 66),
    "bps-2": (30, 10, 126),
    "bps-3": (30, 14, 130),
    "bps-4": (30, 14, 130),
    "bps-5": (15, 10, 66),
    "bps-6": (30, 14, 130),
}


@pytest.mark.parametrize("task", SIZES)
def test_the_tasks_have_the_papers_teams(task: str) -> None:
    spec = team_spec(task, bps_options())
    assert (spec.n_agents, spec.obs_dim, spec.state_dim) == SIZES[task]
    assert (spec.n_actions, spec.episode_limit) == (5, 50)
    assert tuple(available_tasks("bps")) == tuple(SIZES)


def test_the_suite_is_chosen_by_one_word() -> None:
    config = compose(["env=bps"])
    assert (config.map, config.env) == ("bps-1", bps_options())
    assert compose(["env=bps", "map=bps-4", "env.episode_limit=25"]).env == bps_options(episode_limit=25)


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({"groups": 2}, 5 * [0] + 5 * [1]),
        ({"group_size": 1}, [0, 1, 2]),
        ({"groups": 3, "group_size": 2}, [0, 0, 1, 1, 2, 2]),
    ],
)
def test_groups_and_their_sizes_can_be_set(changes: dict[str, Any], groups: list[int]) -> None:
    assert agent_types("bps-1", bps_options(**changes)) == [f"group {group}" for group in groups]


def test_the_agents_of_a_group_are_a_cluster() -> None:
    config = compose(["env=bps", "map=bps-4", "strategy=clusters"])
    sizes = [len(cluster) for cluster in clusters_of(config) or []]
    assert sizes == [3, 3, 3, 12, 9]


REFUSED = [
    (["env=bps", "map=bps-7"], r"unknown map 'bps-7'.*bps-1, bps-2, .*bps-6"),
    (["env=bps", "map=3m"], r"unknown map '3m'.*bps-1"),
    (["map=bps-1"], r"unknown map 'bps-1'"),
    (["env=bps", "evaluation.starts=fixed"], "evaluation.starts=fixed with env=bps.*Write evaluation.starts=varied"),
    (["env=bps", "evaluation.starts=both"], "evaluation.starts=both with env=bps"),
    (["env=bps", "env.randomise=types"], "env.randomise is a setting of skirmish; env=bps has: env.groups"),
    (["env=bps", "env.groups=0"], "env.groups=0 is out of range: a whole number, at least 1 and at most 64, or null"),
    (["env=bps", "env.group_size=65"], "env.group_size=65 is out of range"),
    (["env=bps", "env.episode_limit=0"], "env.episode_limit=0 is out of range"),
    (["env=bps", "env.cooperative=maybe"], "env.cooperative"),
    (["env=bps", "strategy=bulyan", "env.groups=1", "env.group_size=4"], "bulyan"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_mistakes_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(words)


def test_groups_alone_are_refused_where_sizes_differ() -> None:
    with pytest.raises(ConfigurationError, match=r"env.groups=2 needs env.group_size: .*bps-4 have 3, 3, 3, 12, 9"):
        team_spec("bps-4", bps_options(groups=2))
    with pytest.raises(ConfigurationError, match=r"map=3m is not a task of env=bps: bps-1, "):
        team_spec("3m", bps_options())


def test_help_shows_the_settings(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help", "env=bps"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith("env=bps: blind-particle spread, groups of agents that must find out")
    assert "env.episode_limit=50   a whole number, at least 1 and at most 10000" in shown
    assert "env.groups=null   a whole number, at least 1 and at most 64, or null" in shown
    assert main(["train", "--help", "env"]) == 0
    assert "env=bps:" in capfd.readouterr().out


def test_a_python_program_steps_it() -> None:
    with make_world("bps", "bps-5", episodes=2, seed=3, episode_limit=4) as world:
        step = world.reset()
        while not step.ended.all():
            step = world.step(step.available_actions.argmax(-1))
        assert step.truncated.all()
        assert step.observations.shape == (15, 2, 10)
        assert (step.team_reward < 0).all()
