"""The world of env=rware keeps the World contract, and its episodes begin as they should."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import chisquare

from fedqmix.envs import make_world
from fedqmix.envs.rware.tasks import find_task
from fedqmix.runtime.core.errors import UnavailableActionError
from fedqmix.runtime.core.world import EpisodeBatch, LocalWorld, Purpose, TeamSink
from fedqmix.testing import WorldContract
from support.warehouses import rware_options
from support.worlds import KeepingSink, RandomPlayer, copied, play, training

MANY = 3000


def world_of(task: str, seed: int = 0, sink: TeamSink | None = None, **changes: object) -> LocalWorld:
    return make_world(task, seed, rware_options(**changes), sink or KeepingSink())


class TestTwoAgents(WorldContract):
    suite, task = "rware", "rware-tiny-2ag-v2"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 12}


class TestManyAgentsThatShareRewards(WorldContract):
    suite, task = "rware", "rware-tiny-40ag-hard-v2"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 12, "reward": "global", "obs_instead_of_state": True}


class TestColoursWithTwoStages(WorldContract):
    suite, task = "rware", "rware-3color-small-7ag-v1"
    options: ClassVar[dict[str, Any]] = {"episode_limit": 12, "reward": "two_stage", "sensor_range": 2}


def first_states(task: str, count: int = MANY, **changes: object) -> dict[str, np.ndarray]:
    """Return the first states of episodes by name, coordinates as whole numbers: each [episodes]."""
    sink = KeepingSink()
    world = world_of(task, sink=sink, **changes)
    world.begin(training(0, count))
    grid = find_task(task, rware_options(**changes)).grid
    shares = {"_x": grid.width - 1, "_y": grid.height - 1}
    numbers = zip(world.spec.state.names, sink.time_steps[0].state.T, strict=True)
    return {name: np.rint(values * shares.get(name[-2:], 1)).astype(int) for name, values in numbers}


def require_uniform(values: np.ndarray, kinds: int) -> None:
    """Check that whole numbers 0 .. kinds - 1 are drawn uniformly."""
    counts = np.bincount(values.ravel(), minlength=kinds)
    assert len(counts) == kinds
    assert chisquare(counts).pvalue > 0.001


def test_agents_begin_on_different_uniform_cells_with_uniform_directions() -> None:
    state = first_states("rware-tiny-4ag-v2")
    cells = np.stack([state[f"agent_{agent}_y"] * 10 + state[f"agent_{agent}_x"] for agent in range(4)])
    require_uniform(cells, 110)
    require_uniform(cells[3], 110)
    assert all(len(set(each)) == 4 for each in cells.T)
    names = ("up", "down", "left", "right")
    turned = np.stack([[state[f"agent_{agent}_{name}"] for name in names] for agent in range(4)])
    assert (turned.sum(1) == 1).all()
    require_uniform(turned.argmax(1), 4)
    assert not any(state[f"agent_{agent}_carrying"].any() or state[f"empty_{agent}"].any() for agent in range(4))


def test_different_uniform_shelves_are_requested() -> None:
    state = first_states("rware-tiny-4ag-easy-v2")
    homes = {
        home: number for number, home in enumerate(find_task("rware-tiny-4ag-easy-v2", rware_options()).grid.homes)
    }
    requests = [(state[f"request_{number}_x"], state[f"request_{number}_y"]) for number in range(8)]
    shelves = np.array([[homes[place] for place in zip(*both, strict=True)] for both in requests])
    require_uniform(shelves, 32)
    require_uniform(shelves[7], 32)
    assert all(len(set(each)) == 8 for each in shelves.T)


def test_the_colours_of_shelves_are_uniform_and_drawn_for_every_episode() -> None:
    state = first_states("rware-3color-tiny-4ag-v1")
    colours = np.stack([[state[f"request_{number}_colour_{each}"] for each in range(3)] for number in range(4)])
    assert (colours.sum(1) == 1).all()
    require_uniform(colours.argmax(1), 3)


def test_shelves_keep_their_colours_in_an_episode() -> None:
    """An agent on a shelf's cell sees it at the beginning; the same colour later."""
    world = world_of("rware-2color-tiny-4ag-v1", sensor_range=5, episode_limit=5)
    still = np.array([0, 0, 1, 1])[:, None].repeat(3, 1)
    time_steps = play(world, training(0, 3), lambda _: still)
    for each in time_steps:
        np.testing.assert_array_equal(each.observations, time_steps[0].observations)


def test_every_purpose_and_seed_draws_its_own_starts() -> None:
    found = [
        world_of("rware-tiny-2ag-v2", seed).begin(EpisodeBatch(purpose, 0, 3)).observations.tobytes()
        for purpose in Purpose
        for seed in (0, 1)
    ]
    assert len(set(found)) == len(found)


def test_episodes_end_at_the_limit_and_in_no_other_way() -> None:
    time_steps = play(world_of("rware-tiny-2ag-v2", episode_limit=30), training(0, 2), RandomPlayer(1, 0, 2))
    assert [bool(each.truncated.all()) for each in time_steps] == 30 * [False] + [True]
    assert not any(each.terminated.any() or each.won.any() or each.broken.any() for each in time_steps)
    assert all(each.exists.all() and each.available_actions.all() for each in time_steps)


def test_a_refused_action_is_named() -> None:
    world = world_of("rware-tiny-2ag-v2", episode_limit=1)
    world.begin(training(0, 2))
    with pytest.raises(UnavailableActionError, match=r"Agent 1 cannot take action 5 .*0 to 4.* in episode 1"):
        world.step(np.array([[0, 0], [0, 5]]))
    world.step(np.zeros((2, 2), np.int64))
    world.step(np.ones((2, 2), np.int64))
    with pytest.raises(UnavailableActionError, match=r"Agent 0 cannot take action 1 \(forward\) .*0 \(no-op\)"):
        world.step(np.ones((2, 2), np.int64))


def test_an_episode_is_the_same_in_every_batch() -> None:
    """With its deliveries, which draw new requests."""
    from fedqmix.envs.rware.policies import WarehouseTeam

    options = rware_options(episode_limit=120)
    task = find_task("rware-tiny-4ag-v2", options)
    played = []
    for batch in (training(0, 6), training(5, 1)):
        sink = KeepingSink()
        world, team = (
            world_of("rware-tiny-4ag-v2", sink=sink, episode_limit=120),
            WarehouseTeam("carrier", task, options, 3),
        )
        team.begin(batch)
        time_step = world.begin(batch)
        seen = []
        while not time_step.truncated.all():
            time_step = copied(world.step(team.choose(sink.time_steps[-1].state)))
            seen.append((time_step.observations[:, -1], time_step.individual_rewards[:, -1]))
        played.append(seen)
    assert sum(rewards.sum() for _, rewards in played[0]) > 4
    for one, other in zip(*played, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
