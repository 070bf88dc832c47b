"""env=lbf as a choice: its tasks, its settings, and what is refused."""

from __future__ import annotations

import pytest

from fedqmix import make_world
from fedqmix.envs.factory import agent_types, available_tasks, team_spec
from fedqmix.envs.lbf.tasks import Task, find_task
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from support.foraging import lbf_options

NAMES = {
    "Foraging-8x8-2p-3f-v3": Task(8, 2, 3, 8, coop=False, hardest=True, fixed=False, max_player_level=2),
    "Foraging-2s-8x8-2p-2f-coop-v3": Task(8, 2, 2, 2, coop=True, hardest=True, fixed=False, max_player_level=2),
    "Foraging-15x15-4p-5f-v2": Task(15, 4, 5, 15, coop=False, hardest=False, fixed=False, max_player_level=2),
    "Foraging-3s-fixed-9x9-5p-2f-coop-v2": Task(9, 5, 2, 3, coop=True, hardest=False, fixed=True, max_player_level=3),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_task(name: str) -> None:
    assert find_task(name, lbf_options()) == NAMES[name]
    spec = team_spec(name, lbf_options())
    task = NAMES[name]
    assert (spec.n_agents, spec.n_actions, spec.episode_limit) == (task.players, 6, 50)
    assert spec.obs_dim == spec.state_dim == 3 * (task.players + task.foods)


def test_listed_tasks_are_valid() -> None:
    tasks = available_tasks("lbf")
    assert len(set(tasks)) == len(tasks) >= 10
    assert all(team_spec(task, lbf_options()).map == task for task in tasks)


def test_the_suite_is_chosen_by_one_word() -> None:
    config = compose(["env=lbf"])
    assert (config.map, config.env) == ("Foraging-8x8-2p-3f-v3", lbf_options())
    unlisted = compose(["env=lbf", "map=Foraging-7x7-3p-2f-v3", "env.sight=3", "env.penalty=0.1"])
    assert unlisted.map == "Foraging-7x7-3p-2f-v3"
    assert unlisted.env == lbf_options(sight=3, penalty=0.1)


def test_settings_change_a_task() -> None:
    task = find_task("Foraging-2s-8x8-2p-2f-coop-v3", lbf_options(sight=4, max_player_level=5))
    assert (task.sight, task.max_player_level) == (4, 5)
    assert find_task("Foraging-8x8-2p-3f-v3", lbf_options(sight=60)).sight == 8


def test_fixed_levels_are_types_and_clusters() -> None:
    task = "Foraging-fixed-8x8-6p-3f-v2"
    assert agent_types(task, lbf_options()) == [f"level {level}" for level in (1, 2, 3, 1, 2, 3)]
    config = compose(["env=lbf", f"map={task}", "strategy=clusters"])
    assert clusters_of(config) == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(ConfigurationError, match=r"map=Foraging-8x8-2p-3f-v3 has no types .* drawn for every episode"):
        agent_types("Foraging-8x8-2p-3f-v3", lbf_options())


REFUSED = [
    (["map=3m"], r"map=3m is not a task of env=lbf. Names have the pattern Foraging\[-Ns\]"),
    (["map=Foraging-grid-8x8-2p-3f-v3"], "is not a task of env=lbf"),
    (["map=Foraging-8x8-2p-3f-v1"], "is not a task of env=lbf"),
    (["map=Foraging-8x9-2p-3f-v3"], "a grid is square, such as 8x8"),
    (["map=Foraging-4x4-2p-1f-v3"], "4 cells along each side; allowed are 5 to 64"),
    (["map=Foraging-65x65-2p-1f-v3"], "65 cells along each side; allowed are 5 to 64"),
    (["map=Foraging-5x5-13p-1f-v3"], "13 players in a grid of 5x5 cells; allowed are 1 to 12"),
    (["map=Foraging-5x5-2p-5f-v3"], "5 foods in a grid of 5x5 cells; allowed are 1 to 4"),
    (["map=Foraging-8x8-2p-0f-v3"], "0 foods in a grid of 8x8 cells; allowed are 1 to 18"),
    (["map=Foraging-8x8-0p-2f-v3"], "0 players"),
    (["map=Foraging-0s-8x8-2p-2f-v3"], "0 cells of sight"),
    (["map=Foraging-fixed-8x8-6p-3f-v3"], "fixed levels exist in version 2 alone. Write Foraging-fixed-8x8-6p-3f-v2"),
    (["map=Foraging-fixed-8x8-6p-3f-v2", "env.max_player_level=4"], "env.max_player_level=4 does not fit"),
    (["evaluation.starts=fixed"], "evaluation.starts=fixed with env=lbf: players and foods .*starts=varied"),
    (["evaluation.starts=both"], "evaluation.starts=both with env=lbf"),
    (["env.groups=2"], "env.groups is a setting of bps and group_matching; env=lbf has: env.sight"),
    (["env.sight=0"], "env.sight=0 is out of range: a whole number, at least 1 and at most 64, or null"),
    (["env.penalty=-0.1"], "env.penalty=-0.1 is out of range"),
    (["env.mask=maybe"], "env.mask"),
    (["strategy=clusters"], "levels are drawn for every episode"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_mistakes_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(["env=lbf", *words])


def test_names_of_another_suite_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown map 'Foraging-8x8-2p-3f-v3'"):
        compose(["map=Foraging-8x8-2p-3f-v3"])


def test_the_bench_takes_any_task(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "world", "env=lbf", "batches=2", "seconds=0.02", "threads=1"]
    assert main([*words, "maps=Foraging-6x6-2p-1f-v3"]) == 0
    assert '"Foraging-6x6-2p-1f-v3"' in capfd.readouterr().out
    assert main([*words, "maps=3m"]) == 2
    assert "map=3m is not a task of env=lbf" in capfd.readouterr().err


def test_help_shows_the_settings(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help", "env=lbf"]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith("env=lbf: level-based foraging, players that load foods")
    assert "env.episode_limit=50   a whole number, at least 1 and at most 10000" in shown
    assert "env.sight=null   a whole number, at least 1 and at most 64, or null" in shown


def test_a_python_program_steps_it() -> None:
    with make_world("lbf", "Foraging-6x6-2p-1f-v3", episodes=2, seed=3, episode_limit=4) as world:
        step = world.reset()
        while not step.ended.all():
            step = world.step(step.available_actions.argmax(-1))
        assert step.truncated.all()
        assert step.observations.shape == (2, 2, 9)
        assert (step.team_reward == 0).all()
