"""The starts of level-based foraging follow the published rules, and have the package's frequencies."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from fedqmix.envs import make_world
from fedqmix.envs.lbf.tasks import find_task
from fedqmix.runtime.core.world import EpisodeBatch, Integers, Purpose
from support.foraging import lbf_options
from support.worlds import KeepingSink, training


def starts(task: str, count: int, seed: int = 0, **changes: object) -> tuple[Integers, Integers]:
    """The foods and players, (row, column, level) of each: [episodes, number, 3]."""
    sink = KeepingSink()
    world = make_world(task, seed, lbf_options(**changes), sink)
    world.begin(training(0, count))
    drawn = sink.time_steps[0].state.astype(np.int64).reshape(count, -1, 3)
    foods = drawn.shape[1] - world.spec.n_agents
    return drawn[:, :foods], drawn[:, foods:]


@pytest.mark.parametrize("task", ["Foraging-8x8-2p-3f-v3", "Foraging-15x15-4p-5f-v3", "Foraging-fixed-8x8-6p-3f-v2"])
def test_nobody_stands_in_anothers_place(task: str) -> None:
    foods, players = starts(task, 1000)
    side = find_task(task, lbf_options()).side
    for placed, team in zip(foods, players, strict=True):
        assert (placed[:, 2] > 0).all()  # there is room for all
        cells = [tuple(each[:2]) for each in (*placed, *team)]
        assert len(set(cells)) == len(cells)
        for one, other in combinations(placed[:, :2], 2):
            down, right = abs(one - other)
            assert down > 1 or right > 1
            assert (down, right) not in ((0, 2), (2, 0))
        assert [tuple(food) for food in placed] == sorted(tuple(food) for food in placed)
    assert (foods[..., :2].min(), foods[..., :2].max()) == (1, side - 2)
    assert (players[..., :2].min(), players[..., :2].max()) == (0, side - 1)


LEVELS = {
    "Foraging-8x8-2p-3f-v3": lambda bound: range(1, bound + 1),
    "Foraging-8x8-2p-3f-v2": lambda bound: range(1, bound),
    "Foraging-8x8-2p-2f-coop-v3": lambda bound: [bound],
    "Foraging-8x8-2p-2f-coop-v2": lambda bound: [bound],
    "Foraging-10x10-5p-3f-v3": lambda bound: range(1, bound + 1),
    "Foraging-8x8-1p-2f-v2": lambda bound: [1],
}
"""A task -> the possible levels of a food, from the sum of the three lowest players' levels."""


@pytest.mark.parametrize("task", LEVELS)
def test_levels_are_uniform(task: str) -> None:
    foods, players = starts(task, 6000)
    assert chisquare(np.bincount(players[..., 2].ravel(), minlength=3)[1:]).pvalue > 0.001
    bounds = np.sort(players[..., 2])[:, :3].sum(1)
    for bound in np.unique(bounds):
        drawn = foods[bounds == bound][..., 2].ravel()
        allowed = list(LEVELS[task](bound))
        assert sorted(set(drawn.tolist())) == allowed
        assert len(allowed) == 1 or chisquare(np.bincount(drawn)[1:]).pvalue > 0.001


def test_the_highest_level_can_be_set() -> None:
    _, players = starts("Foraging-8x8-2p-3f-v3", 3000, max_player_level=5)
    counts = np.bincount(players[..., 2].ravel())[1:]
    assert len(counts) == 5
    assert chisquare(counts).pvalue > 0.001


def test_fixed_levels_repeat() -> None:
    foods, players = starts("Foraging-fixed-10x10-7p-3f-v2", 500)
    assert (players[..., 2] == [1, 2, 3, 1, 2, 3, 1]).all()
    assert set(foods[..., 2].ravel().tolist()) == {1, 2}  # the three lowest are 1, 1, 1
    foods, _ = starts("Foraging-fixed-10x10-3p-3f-coop-v2", 100)
    assert (foods[..., 2] == 6).all()


@pytest.mark.parametrize("task", ["Foraging-8x8-2p-3f-v3", "Foraging-5x5-2p-3f-v3"])
def test_frequencies_are_those_of_the_package(task: str) -> None:
    """Of cells with players and with foods, of the number of foods, and of levels; 1,500 starts of each."""
    foraging = pytest.importorskip("lbforaging.foraging", reason="lbforaging is not installed: make oracles")
    side = find_task(task, lbf_options()).side
    sizes = {"field_size": (side, side), "max_num_food": 3, "sight": side, "max_episode_steps": 50}
    levels = {"min_player_level": 1, "max_player_level": 2, "min_food_level": 1, "max_food_level": None}
    env = foraging.ForagingEnv(players=2, force_coop=False, **levels, **sizes)
    theirs = {name: Counter() for name in ("players", "foods", "number", "levels")}
    for episode in range(1500):
        env.reset(seed=episode)
        cells = list(zip(*env.field.nonzero(), strict=True))
        theirs["players"].update(player.position for player in env.players)
        theirs["foods"].update(cells)
        theirs["number"][len(cells)] += 1
        levels_here = tuple(sorted(player.level for player in env.players))
        theirs["levels"].update((levels_here, int(env.field[cell])) for cell in cells)
    ours = {name: Counter() for name in theirs}
    for placed, players in zip(*starts(task, 1500), strict=True):
        there = placed[placed[:, 2] > 0]
        ours["players"].update(tuple(player[:2]) for player in players)
        ours["foods"].update(tuple(food[:2]) for food in there)
        ours["number"][len(there)] += 1
        ours["levels"].update((tuple(sorted(players[:, 2].tolist())), int(level)) for level in there[:, 2])
    for name, counted in theirs.items():
        keys = sorted(set(counted) | set(ours[name]))
        table = np.array([[each[key] for key in keys] for each in (counted, ours[name])])
        assert table.shape[1] == 1 or chi2_contingency(table).pvalue > 0.001, (name, table)


def test_every_purpose_and_seed_draws_its_own_starts() -> None:
    def drawn(purpose: Purpose, seed: int = 0) -> bytes:
        sink = KeepingSink()
        make_world("Foraging-8x8-2p-3f-v3", seed, lbf_options(), sink).begin(EpisodeBatch(purpose, 0, 3))
        return sink.time_steps[0].state.tobytes()

    found = [drawn(purpose) for purpose in Purpose] + [drawn(Purpose.TRAINING, seed=1)]
    assert len(set(found)) == len(Purpose) + 1
