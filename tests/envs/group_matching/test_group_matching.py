"""env=group_matching: the contract of a world, hand-worked steps, starts, and returns of known policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from fedqmix.envs import make_world
from fedqmix.envs.group_matching.options import GroupMatchingOptions
from fedqmix.envs.group_matching.rules import GroupMatching, draw_start, matched, spec_of
from fedqmix.envs.options import world_options
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Entities
from fedqmix.runtime.core.world import Integers, TimeStep
from fedqmix.testing import WorldContract
from support.worlds import KeepingSink, RandomPlayer, play, training


def options_of(**changes: Any) -> GroupMatchingOptions:
    return cast(GroupMatchingOptions, world_options("group_matching", **changes))


class TestRing(WorldContract):
    suite, task = "group_matching", "ring"


class TestThreeGroups(WorldContract):
    suite, task = "group_matching", "ring"
    options: ClassVar[dict[str, Any]] = {"agents": 3, "cells": 3, "groups": 3, "episode_limit": 8}


def placed(cells: list[int], groups: list[int], **changes: Any) -> GroupMatching:
    """Return rules with one episode, in which agents begin in given cells and groups; actions are not replaced."""
    options = options_of(agents=len(cells), cells=6, random_action=0, **changes)
    rules = GroupMatching(options, spec_of("ring", options))
    rules.begin([np.random.default_rng(0)])
    rules._cells, rules._groups = np.array([cells]), np.array([groups])
    rules._matched = matched(rules._cells, rules._groups, options.groups)
    return rules


def test_a_group_that_meets_is_paid_and_one_that_parts_pays() -> None:
    rules = placed([0, 1, 3, 3], [0, 0, 1, 1])  # group 1 is matched
    meets = rules.step(np.array([[2], [1], [1], [1]]))  # agent 0 joins agent 1
    assert meets.team_reward == pytest.approx(2.5 - 0.1)
    assert meets.terminated.all()
    assert meets.won.all()
    rules = placed([0, 1, 3, 3], [0, 0, 1, 1])
    parts = rules.step(np.array([[1], [1], [0], [2]]))  # group 1 comes apart
    assert parts.team_reward == pytest.approx(-2.5 - 0.1)
    assert not parts.terminated.any()
    both = placed([0, 1, 3, 4], [0, 0, 1, 1]).step(np.array([[2], [1], [2], [1]]))
    assert both.team_reward == pytest.approx(5 - 0.1)


def test_the_ring_is_closed() -> None:
    """Left of cell 0 is cell 5: agents of one group in both are one step apart."""
    assert placed([0, 5], [0, 0]).step(np.array([[0], [1]])).team_reward == pytest.approx(2.4)
    assert placed([0, 5], [0, 0]).step(np.array([[1], [2]])).team_reward == pytest.approx(2.4)


def test_an_empty_group_is_matched() -> None:
    assert matched(np.array([[0, 1], [2, 2]]), np.array([[0, 0], [0, 0]]), 2).tolist() == [1, 2]


def test_entities_hold_cell_group_and_number() -> None:
    rules = placed([4, 0, 2], [1, 0, 0])
    outcome = rules.step(np.array([[1], [1], [1]]))
    table = outcome.state.reshape(3, 6 + 2 + 3)
    assert np.argmax(table[:, :6], 1).tolist() == [4, 0, 2]
    assert np.argmax(table[:, 6:8], 1).tolist() == [1, 0, 0]
    np.testing.assert_array_equal(table[:, 8:], np.eye(3))
    np.testing.assert_array_equal(table.sum(1), 3)
    seen = outcome.observations.reshape(3, 3, 11)
    for agent, order in enumerate([(0, 1, 2), (1, 0, 2), (2, 0, 1)]):
        np.testing.assert_array_equal(seen[agent], table[list(order)])
    assert isinstance(rules.spec.observation, Entities)
    assert rules.spec.observation.rows == ("own", "other_0", "other_1")


def test_groups_are_cut_anywhere() -> None:
    """Group 0 has 0 to 7 agents, each size as often; agents fall into it alike; cells are uniform."""
    starts = [draw_start(options_of(), np.random.default_rng(number)) for number in range(8000)]
    cells, groups = (np.array(column) for column in zip(*starts, strict=True))
    sizes = np.bincount((groups == 0).sum(1), minlength=9)
    assert sizes[8] == 0
    np.testing.assert_allclose(sizes[:8], 1000, atol=5 * 30)
    np.testing.assert_allclose((groups == 0).mean(0), 3.5 / 8, atol=0.03)
    np.testing.assert_allclose(np.bincount(cells.ravel()) / cells.size, 1 / 6, atol=0.01)


def returns(choose: Callable[[TimeStep], Integers], count: int = 200, **changes: Any) -> tuple[float, float, float]:
    """Return the mean return, share of won episodes and mean length of a policy."""
    sink = KeepingSink()
    time_steps = play(make_world("ring", 0, options_of(**changes), sink), training(0, count), choose)
    total = np.sum([step.team_reward.astype(float) for step in sink.time_steps], axis=0)
    lengths = np.sum([~(step.terminated | step.truncated) for step in time_steps], axis=0)
    return float(total.mean()), float(time_steps[-1].won.mean()), float(lengths.mean())


def to_the_first_of_the_group(time_step: TimeStep) -> Integers:
    """Go the shorter way to the cell of the group's lowest agent, who stays."""
    seen = time_step.observations.reshape(8, -1, 8, 16)
    cell, group, number = seen[..., :6].argmax(-1), seen[..., 6:8].argmax(-1), seen[..., 8:].argmax(-1)
    first = np.where(group == group[..., :1], number, 8).argmin(-1)[..., None]
    way = (np.take_along_axis(cell, first, -1)[..., 0] - cell[..., 0]) % 6
    actions: Integers = np.select([way == 0, way <= 3], [1, 2], 0)
    actions[:, time_step.terminated | time_step.truncated] = 0
    return actions


def test_a_policy_that_knows_the_groups_wins() -> None:
    """Without replaced actions the farthest agent needs at most three steps; with them it takes longer."""
    sure, won, length = returns(to_the_first_of_the_group, random_action=0)
    assert won == 1
    assert length <= 3
    assert 3 < sure < 5
    noisy, won, _ = returns(to_the_first_of_the_group)
    assert won == 1
    assert 3 < noisy < sure
    at_random, won, length = returns(RandomPlayer(1, 0, 200))
    assert won < 0.5
    assert length > 30
    assert at_random < -2


def test_mistakes_are_refused() -> None:
    for words, message in (
        (["map=line"], "unknown map 'line'"),
        (["evaluation.starts=fixed"], "agents and groups have no fixed starts"),
        (["env.random_action=1.5"], "env.random_action=1.5 is out of range"),
        (["strategy=clusters"], "their groups are drawn for every episode"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            compose(["env=group_matching", *words])
