"""`fedqmix bench winnable`: a search that finds wins where there are some, and tells the truth about what it found."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import planned
from contracts.errors import WorldError
from contracts.world import Battles, Purpose
from envs.maps import load_map
from envs.options import skirmish_options
from envs.skirmish.world import SkirmishWorld
from runtimes.cli import main


class Nobody:
    """Takes the team's side and drops it."""

    def begin(self, battles, turn):
        pass

    def record(self, turn):
        pass


@pytest.fixture
def world():
    world = SkirmishWorld(load_map("2s3z"), 3, skirmish_options(), Nobody())
    yield world
    world.close()


def random_actions(turn, draws):
    counts = turn.available_actions.sum(-1)
    nth = (draws.random(counts.shape) * counts).astype(np.int64)
    return (turn.available_actions.cumsum(-1) > nth[..., None]).argmax(-1)


def test_copies_of_a_battle_go_on_alike_until_they_act_differently(world) -> None:
    draws = np.random.default_rng(0)
    turn = world.begin(Battles(Purpose.SHOWING, 0, 4))
    for _ in range(12):
        turn = world.step(random_actions(turn, draws))
    assert (turn.observations[:, 0] != turn.observations[:, 2]).any()
    turn = world.copy_battle(2)
    for _ in range(10):
        for array in (turn.observations, turn.available_actions):
            assert (array == array[:, :1]).all()
        turn = world.step(np.repeat(random_actions(turn, draws)[:, :1], 4, axis=1))
    assert (world.units_of_all_battles() == world.units_of_all_battles()[:1]).all()
    assert world.steps_taken().tolist() == [22] * 4
    for _ in range(10):
        turn = world.step(random_actions(turn, draws))
    assert (turn.observations[:, 0] != turn.observations[:, 3]).any()


def test_there_must_be_such_a_battle(world) -> None:
    world.begin(Battles(Purpose.SHOWING, 0, 2))
    with pytest.raises(WorldError, match="no battle 2"):
        world.copy_battle(2)


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
