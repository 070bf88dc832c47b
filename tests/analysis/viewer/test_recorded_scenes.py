"""A recorded episode of a world that is not a battle is the one that was played: a second world has the same one.

The second world's states are decoded by hand from their documented layouts, so they do not pass through the code that
makes scenes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.replays import Replay, Result, names_of_actions
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.scenes import Heading, ItemState, ItemType, Kind
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.shown_scenes import SHOWS, shown
from support.worlds import KeepingSink

Numbers = np.ndarray


def played_again(name: str, replay: Replay) -> tuple[KeepingSink, Numbers]:
    """Play the recorded actions in another world, beside three other episodes; return its states and own rewards."""
    config = compose([*SHOWS[name].words, "seed=3"])
    sink = KeepingSink()
    world = make_world(config.map, config.seed, config.env, sink)
    time_step = world.begin(EpisodeBatch(Purpose.VARIED_EVALUATION, 0, 4))
    rewards = []
    for actions in replay.actions:
        assert not time_step.terminated[0]
        assert not time_step.truncated[0]
        others = time_step.available_actions.argmax(-1)
        others[:, 0] = actions
        time_step = world.step(others)
        rewards.append(time_step.individual_rewards[:, 0].copy())
    assert time_step.terminated[0] or time_step.truncated[0]
    world.close()
    return sink, np.array(rewards)


def check_bps(replay: Replay, states: Numbers) -> None:
    agents, landmarks = states[:, :60].reshape(-1, 15, 4), states[:, 60:].reshape(-1, 3, 2)
    np.testing.assert_array_equal(replay.x.astype(np.float32), agents[..., 2])
    np.testing.assert_array_equal(replay.y.astype(np.float32), agents[..., 3])
    np.testing.assert_array_equal(replay.scenery.item_x.astype(np.float32), landmarks[..., 0])
    np.testing.assert_array_equal(replay.scenery.item_y.astype(np.float32), landmarks[..., 1])
    assert (replay.kind, replay.walkable.shape) == (Kind.PARTICLES, (0, 0))
    assert replay.scenery.scene.groups == (0,) * 5 + (1,) * 5 + (2,) * 5
    assert [item.group for item in replay.scenery.scene.items] == [0, 1, 2]
    assert (replay.scenery.item_state == ItemState.THERE).all()


def check_lbf(replay: Replay, states: Numbers) -> None:
    foods, players = states[:, :9].reshape(-1, 3, 3), states[:, 9:].reshape(-1, 2, 3)  # row, column, level
    np.testing.assert_array_equal(replay.x - 0.5, players[..., 1])
    np.testing.assert_array_equal(8 - replay.y - 0.5, players[..., 0])
    scenery = replay.scenery
    assert [int(label) for label in scenery.scene.labels] == players[0, :, 2].tolist()
    assert [int(item.label) for item in scenery.scene.items] == foods[0, :, 2].tolist()
    there = foods[..., 2] > 0
    np.testing.assert_array_equal(scenery.item_state == ItemState.THERE, there)
    np.testing.assert_array_equal((scenery.item_x - 0.5)[there], foods[..., 1][there])
    np.testing.assert_array_equal((8 - scenery.item_y - 0.5)[there], foods[..., 0][there])
    assert replay.walkable.shape == (8, 8)
    assert replay.result is Result.WON
    assert not there[-1].any()


def check_rware(replay: Replay, states: Numbers) -> None:
    """The state has [x, y, carrying, up, down, left, right] of two agents, then [x, y] of two requested shelves."""
    width, height = 10, 11
    agents = states[:, :14].reshape(-1, 2, 7)
    requests = states[:, 14:18].reshape(-1, 2, 2)
    scenery = replay.scenery
    np.testing.assert_allclose(replay.x - 0.5, agents[..., 0] * (width - 1), atol=1e-5)
    np.testing.assert_allclose(height - replay.y - 0.5, agents[..., 1] * (height - 1), atol=1e-5)
    carrying = agents[..., 2] == 1
    np.testing.assert_array_equal(scenery.load >= 0, carrying)
    assert carrying.any()
    np.testing.assert_array_equal(scenery.heading, agents[..., 3:].argmax(-1))  # up is north, and so on
    assert list(Heading)[1:] == [Heading.NORTH, Heading.SOUTH, Heading.WEST, Heading.EAST]
    for moment, agent in np.argwhere(carrying):  # a carried shelf is where its agent is
        item = scenery.load[moment, agent]
        assert scenery.scene.items[item].type is ItemType.SHELF
        assert scenery.item_x[moment, item] == replay.x[moment, agent]
        assert scenery.item_y[moment, item] == replay.y[moment, agent]
    for moment, wanted in enumerate(scenery.item_state == ItemState.WANTED):
        found = {(x, y) for x, y in zip(scenery.item_x[moment, wanted], scenery.item_y[moment, wanted], strict=True)}
        expected = np.rint(requests[moment] * (width - 1, height - 1)) * (1, -1) + (0.5, height - 0.5)
        assert found == set(map(tuple, expected.tolist()))
    types = [item.type for item in scenery.scene.items]
    assert [types.count(kind) for kind in (ItemType.GOAL, ItemType.HOME, ItemType.SHELF)] == [2, 32, 32]
    assert (scenery.item_y[0, :2] == 0.5).all()  # the goals are in the lowest row
    moved = scenery.item_x[:, :34], scenery.item_y[:, :34]  # goals and homes do not
    assert all((column == column[0]).all() for column in moved)


CHECKS: dict[str, Callable[[Replay, Numbers], None]] = {"bps": check_bps, "lbf": check_lbf, "rware": check_rware}


@pytest.mark.parametrize("name", CHECKS)
def test_a_recorded_episode_is_the_worlds_own(name: str) -> None:
    replay = shown(name)
    sink, rewards = played_again(name, replay)
    assert len(sink.time_steps) == replay.steps + 1
    CHECKS[name](replay, np.array([time_step.state[0] for time_step in sink.time_steps]))
    np.testing.assert_array_equal(replay.individual_rewards.astype(np.float32), rewards)
    assert replay.team_reward.tolist() == [float(time_step.team_reward[0]) for time_step in sink.time_steps[1:]]


@pytest.mark.parametrize("name", SHOWS)
def test_the_batch_does_not_change_what_is_recorded(name: str) -> None:
    """The first episode is recorded to its own end, whichever others are played beside it."""
    alone, together = shown(name), shown(name, count=3)
    assert alone.steps == together.steps
    for column in ("x", "y", "actions", "individual_rewards", "team_reward"):
        np.testing.assert_array_equal(getattr(alone, column), getattr(together, column))
    for column in ("heading", "load", "item_x", "item_y", "item_state"):
        np.testing.assert_array_equal(getattr(alone.scenery, column), getattr(together.scenery, column))
    assert alone.scenery.scene == together.scenery.scene


def test_actions_have_the_names_of_what_they_do() -> None:
    """In a warehouse with colours action a of colour c is action a - c of colour 0."""
    names = names_of_actions(shown("c-rware"))
    assert names[0] == ["no-op", "forward", "turn left", "turn right", "toggle load"]
    assert names[3] == ["toggle load", "no-op", "forward", "turn left", "turn right"]
    assert names_of_actions(shown("bps"))[14] == ["nothing", "left", "right", "down", "up"]
    assert names_of_actions(shown("lbf"))[0] == ["nothing", "north", "south", "west", "east", "load"]
    for name in ("lbf", "c-rware"):
        assert moves_have_their_names(shown(name)) > 3


def moves_have_their_names(replay: Replay) -> int:
    """Check that who moves north, or forward while it faces north, is then further north; return how many moved."""
    names, ahead = names_of_actions(replay), {0: (0, 1), 1: (0, -1), 2: (-1, 0), 3: (1, 0)}
    compass = {"north": (0, 1), "south": (0, -1), "west": (-1, 0), "east": (1, 0)}
    moves = 0
    for step, agent in np.ndindex(*replay.actions.shape):
        name = names[agent][replay.actions[step, agent]]
        way = (replay.x[step + 1, agent] - replay.x[step, agent], replay.y[step + 1, agent] - replay.y[step, agent])
        if way == (0, 0):
            continue
        moves += 1
        heading = int(replay.scenery.heading[step, agent])
        assert way == (ahead[heading] if name == "forward" else compass[name])
    return moves


def test_shelves_and_agents_have_their_colours() -> None:
    scene = shown("c-rware").scenery.scene
    assert scene.groups == (0, 0, 1, 1)
    shelves = [item.group for item in scene.items if item.type is ItemType.SHELF]
    assert set(shelves) == {0, 1}
    assert all(item.group == -1 for item in scene.items if item.type is not ItemType.SHELF)
    assert all(item.group == -1 for item in shown("rware").scenery.scene.items)
