"""The world of env=lbf keeps the World contract, and its episodes end as they should."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.lbf.policies import ForagingTeam
from fedqmix.envs.lbf.tasks import TASKS, find_task
from fedqmix.runtime.core.errors import UnavailableActionError, WorldError
from fedqmix.runtime.core.world import LocalWorld, Score, TeamSink
from fedqmix.testing import WorldContract
from support.foraging import lbf_options
from support.worlds import KeepingSink, RandomPlayer, copied, over, play, training

TASK = "Foraging-8x8-2p-3f-v3"


def world_of(task: str = TASK, seed: int = 0, sink: TeamSink | None = None, **changes: object) -> LocalWorld:
    return make_world(task, seed, lbf_options(**changes), sink or KeepingSink())


class TestTwoPlayers(WorldContract):
    suite, task = "lbf", TASK
    options: ClassVar[dict[str, Any]] = {"episode_limit": 20}


class TestShortSightAndMasks(WorldContract):
    suite, task = "lbf", "Foraging-2s-10x10-3p-3f-v3"
    options: ClassVar[dict[str, Any]] = {"mask": True, "obs_instead_of_state": True, "episode_limit": 10}


class TestFixedLevels(WorldContract):
    suite, task = "lbf", "Foraging-fixed-8x8-6p-3f-v2"
    options: ClassVar[dict[str, Any]] = {"penalty": 0.1, "episode_limit": 50}


class TestEpisodesThatAreWon(WorldContract):
    """One player of level 1 or 2 on a small grid eats the only food by chance, well before the limit."""

    suite, task = "lbf", "Foraging-5x5-2p-1f-v2"
    options: ClassVar[dict[str, Any]] = {"mask": True, "episode_limit": 200}


def test_episodes_end_at_different_times() -> None:
    """A win terminates an episode, the limit truncates another; afterwards nothing happens."""
    sink = KeepingSink()
    time_steps = play(world_of("Foraging-5x5-2p-1f-v2", sink=sink), training(0, 64), RandomPlayer(1, 0, 64))
    last = time_steps[-1]
    assert last.terminated.any()
    assert last.truncated.any()
    np.testing.assert_array_equal(last.won, last.terminated)
    lengths = np.sum([~over(time_step) for time_step in time_steps], axis=0)
    assert len(set(lengths.tolist())) > 5
    assert (lengths[last.truncated] == 50).all()
    returns = np.sum([team.team_reward for team in sink.time_steps], axis=0)
    np.testing.assert_array_equal(returns == 1, last.won)  # the only food is all that can be earned
    assert (returns[~last.won] == 0).all()


@pytest.mark.parametrize("task", TASKS)
def test_a_team_return_is_at_most_one(task: str) -> None:
    """It is 1 where all food is eaten; a team's reward is the sum of its players'."""
    sink = KeepingSink()
    world, team = world_of(task, sink=sink), ForagingTeam("nearest", find_task(task, lbf_options()).foods, 0)
    team.begin(training(0, 100))
    time_steps = play(world, training(0, 100), lambda seen: np.where(over(seen), 0, team.choose(seen.observations)))
    own = np.sum([time_step.individual_rewards.astype(np.float64) for time_step in time_steps], axis=(0, 1))
    returns = np.sum([step.team_reward.astype(np.float64) for step in sink.time_steps], axis=0)
    np.testing.assert_allclose(own, returns, atol=1e-5)
    assert returns.max() < 1 + 1e-6
    assert returns.mean() > 0.01
    won = time_steps[-1].won
    np.testing.assert_allclose(returns[won], 1, atol=1e-6)
    assert (returns[~won] < 0.999).all()


def test_all_actions_are_available_until_the_end() -> None:
    time_steps = play(world_of(), training(0, 8), RandomPlayer(1, 0, 8))
    for before, time_step in pairwise(time_steps):
        assert before.available_actions[:, ~over(before)].all()
        assert not time_step.available_actions[:, over(before), 1:].any()


def test_a_masked_action_is_named() -> None:
    world = world_of(mask=True)
    time_step = copied(world.begin(training(0, 1)))
    actions = time_step.available_actions.argmax(-1)
    agent = next(agent for agent in range(2) if not time_step.available_actions[agent, 0, 5])
    actions[agent] = 5
    with pytest.raises(UnavailableActionError, match=rf"Agent {agent} cannot take action 5 \(load\) in episode 0"):
        world.step(actions)


def test_errors_speak_of_episodes() -> None:
    world = world_of()
    with pytest.raises(WorldError, match="No episode was begun"):
        world.step(np.zeros((2, 1), np.int64))
    world.begin(training(0, 2))
    with pytest.raises(WorldError, match=r"\[agents, episodes\] = \[2, 2\]"):
        world.step(np.zeros((2, 3), np.int64))


@pytest.mark.parametrize("task", [TASK, "Foraging-2s-10x10-3p-3f-v3", "Foraging-fixed-8x8-6p-3f-v2"])
@pytest.mark.parametrize("levels", [True, False])
def test_every_number_has_a_name(task: str, levels: bool) -> None:
    found = find_task(task, lbf_options())
    for all_observations in (False, True):
        spec = world_of(task, observe_agent_levels=levels, obs_instead_of_state=all_observations).spec
        names = {space: getattr(spec, space).names for space in ("observation", "state")}
        assert len(set(names["observation"])) == spec.obs_dim == 3 * found.foods + (3 if levels else 2) * found.players
        assert len(set(names["state"])) == spec.state_dim
        short = 3 * (found.foods + found.players)
        assert spec.state_dim == (found.players * spec.obs_dim if all_observations else short)
        assert spec.score is Score.RETURN


def test_names_and_numbers_belong_together() -> None:
    """With full sight the window is the grid, but for players beyond it, who cannot be."""
    sink = KeepingSink()
    world = world_of("Foraging-8x8-3p-2f-v3", sink=sink)
    observations = world.begin(training(0, 1)).observations[:, 0]
    seen = [dict(zip(world.spec.observation.names, observation, strict=True)) for observation in observations]
    state = dict(zip(world.spec.state.names, sink.time_steps[0].state[0], strict=True))
    for agent, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):
        for entry in ("row", "column", "level"):
            assert seen[agent][f"own_{entry}"] == state[f"player_{agent}_{entry}"]
            for place, other in enumerate(others):
                assert seen[agent][f"other_{place}_{entry}"] == state[f"player_{other}_{entry}"]
            for food in range(2):
                assert seen[agent][f"food_{food}_{entry}"] == state[f"food_{food}_{entry}"]
