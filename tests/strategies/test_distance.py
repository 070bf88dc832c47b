"""How far apart agents are before they are aggregated: against a plain computation, and as it is told in a round."""

import itertools
import math

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.strategies.distance import mean_distances
from support.toy_agents import SHAPES, ToyAgents, ToyGrid, federate, make_strategy

STACKS = st.integers(1, 5).flatmap(
    lambda agents: st.lists(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=6, max_size=6), min_size=agents, max_size=agents
    )
)


def records(rows):
    return [ArrayRecord({"w": Array(np.array(row, np.float32).reshape(2, 3))}) for row in rows]


@given(STACKS)
def test_it_is_the_mean_over_pairs(rows):
    pairs = list(itertools.combinations(rows, 2))
    expected = sum(math.dist(one, other) for one, other in pairs) / len(pairs) if pairs else 0.0
    assert mean_distances(records(rows)) == {"w": pytest.approx(expected, rel=1e-12, abs=1e-12)}


@given(STACKS, st.randoms(use_true_random=False))
def test_the_order_of_agents_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert mean_distances(records(shuffled))["w"] == pytest.approx(mean_distances(records(rows))["w"], rel=1e-12)


@given(st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=6, max_size=6))
def test_equal_agents_are_exactly_0_apart(row):
    assert mean_distances(records([row] * 4)) == {"w": 0.0}


def test_a_round_tells_the_distances_of_what_is_shared():
    """Agents come with 11, 12 and 16 in every entry: 1, 5 and 4 apart, times the root of the number of entries."""
    strategy = make_strategy("a_pps")
    federate(strategy, ToyGrid(ToyAgents()), 1)
    assert strategy.record.distances == {
        name: pytest.approx(10 / 3 * math.sqrt(math.prod(shape)), rel=1e-6) for name, shape in SHAPES.items()
    }
    alone = make_strategy("none")
    federate(alone, ToyGrid(ToyAgents()), 1)
    assert alone.record.distances == {}
    partly = make_strategy("pp_pps", shared=["head.*"])
    federate(partly, ToyGrid(ToyAgents()), 1)
    assert set(partly.record.distances) == {name for name in SHAPES if name.startswith("head.")}
