"""env=predator_prey: the contract of a world, cases worked out by hand, and the returns of known policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.factory import team_spec
from fedqmix.envs.predator_prey.arrays import CATCH, DOWN, LEFT, RIGHT, STAY, UP
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError, UnavailableActionError
from fedqmix.runtime.core.scenes import HasScene, ItemState
from fedqmix.runtime.core.world import Integers, TimeStep
from fedqmix.testing import WorldContract
from support.hunting import Hunters, PlacedHunt, hunting_options
from support.worlds import KeepingSink, RandomPlayer, play, training

STILL = {"side": 5, "episode_limit": 4}


class TestStagHunt(WorldContract):
    suite, task = "predator_prey", "stag_hunt"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 20}


class TestEpisodesThatTerminate(WorldContract):
    """Any agent catches alone, on a small grid: all prey are caught, or all agents have caught, before the limit."""

    suite, task = "predator_prey", "stag_hunt"
    options: ClassVar[dict[str, Any]] = {"side": 4, "agents": 3, "prey": 2, "catchers": 1, "sight": 1}


def test_two_agents_capture_a_prey_and_leave() -> None:
    hunt = PlacedHunt([(2, 1), (1, 2), (4, 4)], [(2, 2), (0, 0)], side=5)
    views = hunt.step(CATCH, CATCH, STAY)
    assert views.team_reward[0] == 10
    np.testing.assert_array_equal(views.individual_rewards[:, 0], 10)
    assert hunt.grids.hunting[0].tolist() == [False, False, True]
    assert len(hunt.prey()) == 1
    assert not views.observations[:2].any()
    assert views.available[:, 0, 1:5].any(-1).tolist() == [False, False, True]
    assert views.state[0].reshape(5, 5, 2).sum((0, 1)).tolist() == [1, 1]
    assert not views.terminated[0]


def test_a_lone_catcher_is_punished_and_the_prey_moves_on() -> None:
    hunt = PlacedHunt([(2, 1), (4, 4)], [(2, 2)], side=5, punishment=-0.5)
    views = hunt.step(CATCH, STAY)
    assert views.team_reward[0] == -0.5
    assert hunt.prey()[0] in [(1, 2), (3, 2), (2, 3)]
    assert hunt.grids.hunting.all()


def test_a_catch_counts_for_every_prey_beside_the_agent() -> None:
    """A lone agent between two prey is punished for both."""
    hunt = PlacedHunt([(0, 1), (4, 4)], [(0, 0), (0, 2)], side=5, punishment=-2)
    assert hunt.step(CATCH, STAY).team_reward[0] == -4


def test_a_capture_takes_its_agents_away_from_other_prey() -> None:
    """Both agents are beside both prey: whichever comes first is captured, and nothing catches the other."""
    hunt = PlacedHunt([(1, 0), (0, 1)], [(0, 0), (1, 1)], side=5)
    views = hunt.step(CATCH, CATCH)
    assert views.team_reward[0] == 10
    assert len(hunt.prey()) == 1
    assert views.terminated[0]  # no agent hunts any longer


def test_agents_move_one_after_another_into_empty_cells() -> None:
    """Of two agents that want one cell either may get it; an agent may follow another only where that moved first."""
    found: Counter[tuple[tuple[int, int], ...]] = Counter()
    for key in range(200):
        hunt = PlacedHunt([(0, 0), (0, 2)], [(4, 4)], key=key * 7919, side=5, catchers=1)
        hunt.step(RIGHT, LEFT)
        found[tuple(hunt.agents())] += 1
    assert set(found) == {((0, 1), (0, 2)), ((0, 0), (0, 1))}
    assert min(found.values()) > 60
    followed: Counter[tuple[tuple[int, int], ...]] = Counter()
    for key in range(200):
        hunt = PlacedHunt([(0, 0), (0, 1)], [(4, 4)], key=key * 7919, side=5, catchers=1)
        hunt.step(RIGHT, RIGHT)
        followed[tuple(hunt.agents())] += 1
    assert set(followed) == {((0, 1), (0, 2)), ((0, 0), (0, 2))}
    assert min(followed.values()) > 60


def test_agents_do_not_enter_prey_and_prey_take_any_free_cell() -> None:
    """Around the prey only three cells are free; each is taken as often. A prey that is walled in stays."""
    taken: Counter[tuple[int, int]] = Counter()
    for key in range(300):
        hunt = PlacedHunt([(2, 1)], [(2, 2)], key=key * 7919, side=5, catchers=1)
        hunt.step(RIGHT)
        assert hunt.agents() == [(2, 1)]
        taken[hunt.prey()[0]] += 1
    assert set(taken) == {(1, 2), (3, 2), (2, 3)}
    assert min(taken.values()) > 70
    walled = PlacedHunt([(0, 1), (1, 0)], [(0, 0)], side=5)
    walled.step(STAY, STAY)
    assert walled.prey() == [(0, 0)]


def test_three_catchers_leave_together() -> None:
    hunt = PlacedHunt([(2, 1), (1, 2), (2, 3)], [(2, 2)], side=5)
    views = hunt.step(CATCH, CATCH, CATCH)
    assert views.team_reward[0] == 10
    assert not hunt.grids.hunting.any()
    assert views.terminated[0]
    assert (views.available[:, 0] == (np.arange(6) == STAY)).all()


def test_episodes_are_truncated_with_their_last_masks() -> None:
    hunt = PlacedHunt([(0, 0), (4, 4)], [(2, 2)], **STILL)
    for _ in range(3):
        assert not hunt.step(STAY, STAY).truncated[0]
    views = hunt.step(STAY, STAY)
    assert views.truncated[0]
    assert not views.terminated[0]
    assert views.available[0, 0].tolist()[:5] == [True, True, True, False, False]
    assert hunt.step(STAY, STAY).available[:, 0].sum() == 2


def test_an_agent_sees_its_window() -> None:
    """Itself in the middle, agents and prey up to two cells away, zeros beyond the grid."""
    hunt = PlacedHunt([(0, 1), (2, 3), (0, 4)], [(0, 0), (1, 0)], side=6)
    hunt.grids.cells[0, 0, 2] = 1  # no prey can move away from the corner before the others do
    views = hunt.step(STAY, STAY, STAY)
    window = views.observations[0, 0].reshape(5, 5, 2)
    agents = {(int(row), int(column)) for row, column in np.argwhere(window[..., 0])}
    assert agents == {(2, 2), (2, 3), (4, 4)}
    assert not window[:2].any()
    assert not window[:, 0].any()
    state = views.state[0].reshape(6, 6, 2)
    np.testing.assert_array_equal(window[2:, 1:], state[:3, :4])


def test_catching_needs_a_prey_beside_the_agent() -> None:
    sink = KeepingSink()
    world = make_world("stag_hunt", 0, hunting_options(), sink)
    first = world.begin(training(0, 20))
    grid = sink.time_steps[0].state.reshape(20, 10, 10, 2)
    assert (grid.sum((1, 2)) == 8).all()
    np.testing.assert_array_equal(grid.max(3).sum((1, 2)), 16)  # nothing shares a cell
    window = first.observations.reshape(8, 20, 5, 5, 2)[..., 1]
    beside = window[:, :, 1, 2] + window[:, :, 3, 2] + window[:, :, 2, 1] + window[:, :, 2, 3] > 0
    np.testing.assert_array_equal(first.available_actions[..., CATCH], beside)
    wrong = np.zeros((8, 20), np.int64)
    agent, episode = np.argwhere(~beside)[0]
    wrong[agent, episode] = CATCH
    with pytest.raises(UnavailableActionError, match=rf"Agent {agent} cannot take action 5 \(catch\)"):
        world.step(wrong)


def mean_return(choose: Callable[[TimeStep], Integers], punishment: float) -> float:
    sink = KeepingSink()
    play(make_world("stag_hunt", 0, hunting_options(punishment=punishment), sink, 2), training(0, 64), choose)
    returns = np.sum([step.team_reward.astype(float) for step in sink.time_steps], axis=0)
    assert returns.max() <= 40  # four captures by eight agents
    return float(returns.mean())


def test_policies_that_know_the_rules_bound_the_returns() -> None:
    """Catching together earns nearly all; the punishment makes catching alone worse, and random actions much worse."""
    together = mean_return(Hunters(together=True), -2)
    alone = [mean_return(Hunters(together=False), punishment) for punishment in (0, -2)]
    at_random = [mean_return(RandomPlayer(1, 0, 64), punishment) for punishment in (0, -2)]
    assert together > 30
    assert alone[0] > 30
    assert alone[1] < -50
    assert 1 < at_random[0] < 15
    assert at_random[1] < -50


def test_a_replay_shows_agents_and_prey() -> None:
    world = make_world("stag_hunt", 0, hunting_options(side=4, agents=2, prey=2, catchers=1), KeepingSink())
    assert isinstance(world, HasScene)
    time_step, hunters = world.begin(training(0, 1)), Hunters(together=False)
    for _ in range(40):
        time_step = world.step(hunters(time_step))
    moment = world.scene_moment(0)
    assert ItemState.GONE in moment.item_state
    assert world.scene(0).size == (4, 4)
    assert all(0 < unit.x < 4 and 0 < unit.y < 4 for unit in world.snapshot(0))


def test_the_suite_is_chosen_by_one_word() -> None:
    config = compose(["env=predator_prey", "env.punishment=-1.5"])
    assert config.env == hunting_options(punishment=-1.5)
    spec = team_spec(config.map, config.env)
    assert (spec.n_agents, spec.n_actions, spec.obs_dim, spec.state_dim, spec.episode_limit) == (8, 6, 50, 200, 200)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["map=3m"], "unknown map '3m'"),
        (["env.side=3", "env.agents=5", "env.prey=5"], "do not fit into the 9 cells of env.side=3"),
        (["env.agents=2", "env.catchers=3"], "env.catchers=3 with env.agents=2: no prey could be caught"),
        (["env.punishment=1"], "env.punishment=1.0 is out of range"),
        (["evaluation.starts=fixed"], "agents and prey have no fixed starts"),
    ],
)
def test_mistakes_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(["env=predator_prey", *words])


def test_moves_go_where_they_say() -> None:
    for action, place in ((RIGHT, (2, 3)), (DOWN, (3, 2)), (LEFT, (2, 1)), (UP, (1, 2)), (STAY, (2, 2))):
        hunt = PlacedHunt([(2, 2)], [(4, 4)], side=5, catchers=1)
        hunt.step(action)
        assert hunt.agents() == [place]
