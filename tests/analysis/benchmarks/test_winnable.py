"""`fedqmix bench winnable`: a search that finds wins where there are some, and tells the truth about what it found."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fedqmix.analysis.benchmarks import planned
from fedqmix.envs.maps import load_map
from fedqmix.envs.options import skirmish_options
from fedqmix.envs.skirmish.world import SkirmishWorld
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.core.errors import WorldError
from fedqmix.runtime.core.world import EpisodeBatch, Purpose


class Nobody:
    """Takes the team's side and drops it."""

    def begin(self, battles, time_step):
        pass

    def record(self, time_step):
        pass


@pytest.fixture
def world():
    world = SkirmishWorld(load_map("2s3z"), 3, skirmish_options(), Nobody())
    yield world
    world.close()


def random_actions(time_step, draws):
    counts = time_step.available_actions.sum(-1)
    nth = (draws.random(counts.shape) * counts).astype(np.int64)
    return (time_step.available_actions.cumsum(-1) > nth[..., None]).argmax(-1)


def test_copies_of_a_battle_go_on_alike_until_they_act_differently(world) -> None:
    draws = np.random.default_rng(0)
    time_step = world.begin(EpisodeBatch(Purpose.REPLAY, 0, 4))
    for _ in range(12):
        time_step = world.step(random_actions(time_step, draws))
    before, lone = time_step.observations.copy(), world.units_of_all_battles()[3].copy()
    assert (before[:, 0] != before[:, 2]).any()
    time_step = world.copy_battles(np.array([2, 2, 2, 3]))
    assert (time_step.observations == before[:, [2, 2, 2, 3]]).all()
    for _ in range(10):
        for array in (time_step.observations, time_step.available_actions):
            assert (array[:, :3] == array[:, :1]).all()
        time_step = world.step(random_actions(time_step, draws)[:, [0, 0, 0, 3]])
    units = world.units_of_all_battles()
    assert (units[:3] == units[:1]).all()
    assert (units[3] != lone).any()
    assert world.steps_taken().tolist() == [22] * 4
    for _ in range(10):
        time_step = world.step(random_actions(time_step, draws))
    assert (time_step.observations[:, 0] != time_step.observations[:, 1]).any()


@pytest.mark.parametrize("sources", [[0, 2], [0, -1], [0], [0, 1, 0]])
def test_there_must_be_such_battles(world, sources) -> None:
    world.begin(EpisodeBatch(Purpose.REPLAY, 0, 2))
    with pytest.raises(WorldError, match="2 numbers from 0 to 1"):
        world.copy_battles(np.array(sources))


def test_who_stands_badly_becomes_a_copy_of_who_stands_well(world) -> None:
    attempt = planned._Attempt(world, "2s3z", 16, np.random.default_rng(0))
    for step in range(2):
        attempt._time_step = world.step(attempt._choose(step))
    before, past = world.units_of_all_battles().copy(), attempt._before
    attempt._select(np.arange(16.0))
    after = world.units_of_all_battles()
    assert (after[:2] == before[[15, 14]]).all()  # the best are kept
    copied = [[number for number in range(16) if (one == before[number]).all()] for one in after]
    assert all(copied)
    assert np.mean([max(numbers) for numbers in copied]) > 10  # the best of four of sixteen: 12.6 on average
    pasts = zip(attempt._before, copied, strict=True)
    assert all(any((was == past[number]).all() for number in numbers) for was, numbers in pasts)


def test_a_win_is_found_and_a_hopeless_search_says_so(capsys) -> None:
    found = planned.search("3m", copies=64, tries=5, seed=0, threads=1)
    assert found["won"]
    assert found["return"] == pytest.approx(20, abs=0.01)
    assert 10 < found["steps"] <= 60
    assert main(["bench", "winnable", "maps=MMM2", "copies=4", "tries=2"]) == 0
    figures = json.loads(capsys.readouterr().out)
    result = figures["results"]["MMM2"]
    assert not result["won"]
    assert 0 < result["return"] < 20
    assert result["try"] in (1, 2)


@pytest.mark.slow
def test_more_tries_never_make_it_worse() -> None:
    few, many = (planned.search("8m_vs_9m", copies=16, tries=tries, seed=1, threads=1) for tries in (1, 4))
    assert (many["won"], many["try"]) >= (few["won"], few["try"])
