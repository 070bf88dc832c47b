"""env=matrix: the contract of a world, the payoffs of every joint action, and what is refused."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.factory import agent_types, available_tasks, team_spec
from fedqmix.envs.options import world_options
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.testing import WorldContract
from support.worlds import KeepingSink, copied, training

THREE_AGENTS = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


class TestOneStep(WorldContract):
    suite, task, varied = "matrix", "qtran", False


class TestTwoSteps(WorldContract):
    suite, task, varied = "matrix", "two_step", False


class TestThreeAgents(WorldContract):
    suite, task, varied = "matrix", "own", False
    options: ClassVar[dict[str, Any]] = {"payoffs": THREE_AGENTS}


def rewards_of(task: str, plays: list[tuple[tuple[int, ...], ...]], **options: Any) -> list[list[float]]:
    """Play each episode's joint actions, one after another; return the team rewards by episode."""
    sink = KeepingSink()
    world = make_world(task, 0, world_options("matrix", **options), sink)
    world.begin(training(0, len(plays)))
    for joint in zip(*plays, strict=True):
        last = copied(world.step(np.array(joint).T.copy()))
        np.testing.assert_array_equal(
            last.individual_rewards, np.tile(sink.time_steps[-1].team_reward, (len(joint[0]), 1))
        )
    assert last.terminated.all()
    assert not last.won.any()
    return [[float(step.team_reward[e]) for step in sink.time_steps[1:]] for e in range(len(plays))]


PAYOFFS = {
    "qtran": [8, -12, -12, -12, 0, 0, -12, 0, 0],
    "pymarl2": [12, -0.1, -0.1, -0.1, 0, 0, -0.1, 0, 0],
    "monotonic": [0, 1, 1, 8],
}


@pytest.mark.parametrize("task", PAYOFFS)
def test_every_joint_action_has_its_payoff(task: str) -> None:
    """Payoffs are listed by agent 0's action and then agent 1's."""
    joint = list(product(range(team_spec(task, world_options("matrix")).n_actions), repeat=2))
    found = rewards_of(task, [(one,) for one in joint])
    np.testing.assert_allclose(np.ravel(found), PAYOFFS[task], rtol=1e-6)


def test_agent_0_chooses_the_second_table() -> None:
    """Table A pays 7 for everything, table B 0, 1, 1, 8; agent 1's first action does not matter."""
    plays = [(first, second) for first in product((0, 1), repeat=2) for second in product((0, 1), repeat=2)]
    found = rewards_of("two_step", plays)
    assert [rewards[0] for rewards in found] == [0] * 16
    assert [rewards[1] for rewards in found] == [7, 7, 7, 7] * 2 + [0, 1, 1, 8] * 2


def test_agents_see_the_situation_and_so_does_the_mixer() -> None:
    sink = KeepingSink()
    world = make_world("two_step", 0, world_options("matrix"), sink)
    np.testing.assert_array_equal(world.begin(training(0, 2)).observations, np.tile([1, 0, 0], (2, 2, 1)))
    chosen = world.step(np.array([[0, 1], [1, 0]]))
    np.testing.assert_array_equal(chosen.observations, np.tile([[0, 1, 0], [0, 0, 1]], (2, 1, 1)))
    np.testing.assert_array_equal(sink.time_steps[-1].state, chosen.observations[0])
    assert world.spec.state == world.spec.observation


def test_a_table_of_ones_own_may_have_more_agents() -> None:
    joint = list(product((0, 1), repeat=3))
    found = rewards_of("own", [(one,) for one in joint], payoffs=THREE_AGENTS)
    assert np.ravel(found).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_suite_is_chosen_by_one_word() -> None:
    assert compose(["env=matrix"]).map == "qtran"
    config = compose(["env=matrix", "map=own", "env.payoffs=[[1,0],[0,1]]"])
    spec = team_spec(config.map, config.env)
    assert (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit) == (2, 2, 1, 1, 1)
    assert agent_types("qtran", world_options("matrix")) == ["player", "player"]
    assert available_tasks("matrix") == ("qtran", "pymarl2", "monotonic", "two_step")


REFUSED = [
    (["map=3m"], "map=3m is not a task of env=matrix: qtran, pymarl2, monotonic, two_step, own"),
    (["map=own"], "env.payoffs=null is not a table"),
    (["map=qtran", "env.payoffs=[[1,0],[0,1]]"], "env.payoffs is for map=own; map=qtran has payoffs of its own"),
    (["map=own", "env.payoffs=[1,2]"], "not a table of payoffs; needed: lists of finite numbers"),
    (["map=own", "env.payoffs=[[1]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,2],[3]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,2,3],[4,5,6]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[a,b],[c,d]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,.inf],[0,0]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,nan],[0,0]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,1e39],[0,0]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,true],[0,0]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[1,null],[0,0]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=[[[1,2],[3]],[[4,5],[6,7]]]"], "not a table of payoffs"),
    (["map=own", "env.payoffs=much"], "not a table of payoffs"),
    (["evaluation.starts=fixed"], "evaluation.starts=fixed with env=matrix: games have no positions"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_mistakes_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(["env=matrix", *words])
