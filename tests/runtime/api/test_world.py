"""fedqmix.make_world: batched episodes, arrays that are the caller's, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fedqmix


def first_available(step: fedqmix.WorldStep) -> Any:
    return step.available_actions.argmax(-1)


def played(world: fedqmix.BatchedWorld, first: int | None = None) -> list[fedqmix.WorldStep]:
    steps = [world.reset(first)]
    while not steps[-1].ended.all():
        steps.append(world.step(first_available(steps[-1])))
    return steps


def test_shapes_are_those_of_its_spec() -> None:
    with fedqmix.make_world("skirmish", "2s3z", episodes=6, seed=1) as world:
        spec = world.spec
        assert (spec.map, spec.n_agents, world.game) == ("2s3z", 5, "skirmish")
        begun = world.reset()
        for step in (begun, world.step(first_available(begun))):
            assert step.observations.shape == (5, 6, spec.obs_dim)
            assert step.available_actions.shape == (5, 6, spec.n_actions)
            assert step.state.shape == (6, spec.state_dim)
            assert step.individual_rewards.shape == (5, 6)
            flags = step.terminated, step.truncated, step.won, step.broken, step.ended
            assert {column.shape for column in (step.team_reward, *flags)} == {(6,)}
            assert step.exists.shape == (5, 6)
            assert step.exists.all()
        assert not begun.team_reward.any()
        assert len(world.snapshot(5)) == 10


def test_arrays_are_the_callers_own() -> None:
    with fedqmix.make_world("skirmish", "3m", episodes=3, seed=1) as world:
        steps = played(world)
        assert len(steps) > 5
        assert not np.array_equal(steps[0].observations, steps[4].observations)
        kept = [column.copy() for column in steps[-1]]
        steps[-1].observations[:] = 7
        world.reset()
        assert all(np.array_equal(own, column) for own, column in zip(kept[1:], steps[-1][1:], strict=True))


def test_an_episode_depends_on_seed_and_number_alone() -> None:
    with (
        fedqmix.make_world("skirmish", "3m", episodes=4, seed=1, starts="varied") as world,
        fedqmix.make_world("skirmish", "3m", episodes=1, seed=1, starts="varied") as alone,
        fedqmix.make_world("skirmish", "3m", episodes=1, seed=2, starts="varied") as other,
    ):
        world.reset()
        second = world.reset()  # episodes 4 to 7
        for number in range(4):
            own = alone.reset(4 + number)
            assert np.array_equal(own.state[0], second.state[number])
            assert np.array_equal(own.observations[:, 0], second.observations[:, number])
            assert not np.array_equal(own.state, other.reset(4 + number).state)


def test_a_trained_team_plays_in_it(trained: fedqmix.Run) -> None:
    team = trained.team()
    with fedqmix.make_world("skirmish", "3m", episodes=4) as world:
        step, memory = world.reset(), None
        while not step.ended.all():
            actions, memory = team.act(step.observations, step.available_actions, memory)
            step = world.step(actions)
    assert memory is not None
    assert memory.moment <= team.spec.episode_limit


def test_wrong_calls_are_refused() -> None:
    with fedqmix.make_world("skirmish", "3m", episodes=2) as world:
        with pytest.raises(fedqmix.WorldError, match="call reset"):
            world.step(np.zeros((3, 2), np.int64))
        step = world.reset()
        for actions, message in (
            (np.zeros((2, 3), np.int64), r"actions has the shape \[2, 3\]"),
            (np.zeros((3, 2)), "whole numbers are needed"),
        ):
            with pytest.raises(fedqmix.InputError, match=message):
                world.step(actions)
        with pytest.raises(fedqmix.WorldError, match="Agent 0 cannot take action 0"):
            world.step(np.zeros((3, 2), np.int64))
        assert np.array_equal(world.step(first_available(step)).won, [False, False])
        with pytest.raises(fedqmix.InputError, match="first_episode=-1"):
            world.reset(-1)
        played(world)
        with pytest.raises(fedqmix.WorldError, match="all episodes have ended"):
            world.step(np.zeros((3, 2), np.int64))


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (("skirmsh", "3m"), {}, "did you mean 'skirmish'"),
        (("skirmish", "3q"), {}, "unknown map '3q'"),
        (("skirmish", "3m,8m"), {}, "unknown map"),
        (("skirmish", 3), {}, "map=3 is not a text"),
        (("skirmish", "3m"), {"episodes": 0}, "episodes=0 is not valid"),
        (("skirmish", "3m"), {"seed": 1.5}, "seed=1.5 is not valid"),
        (("skirmish", "3m"), {"randomise": "all"}, "env.randomise"),
        (("skirmish", "3m"), {"colour": 1}, "unknown option of the world 'colour'"),
    ],
)
def test_wrong_worlds_are_refused(words: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(fedqmix.FedqmixError, match=message):
        fedqmix.make_world(*words, **options)
