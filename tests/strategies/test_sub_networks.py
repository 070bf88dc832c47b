"""The arithmetic of sub-networks: places in the root, averages over holders, units that clusters share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedqmix.strategies.adaps import mapped_units, standardised
from fedqmix.strategies.mixing import masked_average
from fedqmix.strategies.sub_networks import Integers, RootNetwork, SubNetworks, drawn_units
from fedqmix.strategies.testing import EXAMPLES

SHAPES = {"fc.weight": (3, 5), "fc.bias": (5,), "gru.weight": (5, 12), "head.weight": (4, 2), "head.bias": (2,)}
HELD = {"fc.weight": (3, 2), "fc.bias": (2,), "gru.weight": (2, 9), "head.weight": (3, 2), "head.bias": (2,)}
GROUPS = {
    "fc.weight": (None, "fc"),
    "fc.bias": ("fc",),
    "gru.weight": ("fc", "gru"),  # three gates
    "head.weight": ("gru", None),
    "head.bias": (None,),
}
ROOT = RootNetwork(SHAPES, HELD, GROUPS)
BY_HAND = SubNetworks(ROOT, {"fc": np.array([[0, 3], [3, 4]]), "gru": np.array([[0, 1, 2], [1, 2, 3]])})


def parts_of(seed: int, n_agents: int) -> SubNetworks:
    return SubNetworks(
        ROOT,
        {
            group: np.stack([drawn_units(seed, "t", one, group, width, ROOT.kept[group]) for one in range(n_agents)])
            for group, width in ROOT.widths.items()
        },
    )


def jaccard(one: Integers, other: Integers) -> float:
    return len(set(one.tolist()) & set(other.tolist())) / len(set(one.tolist()) | set(other.tolist()))


def test_widths_and_kept_units() -> None:
    assert ROOT.widths == {"fc": 5, "gru": 4}
    assert ROOT.kept == {"fc": 2, "gru": 3}
    assert ROOT.size() == 15 + 5 + 60 + 8 + 2
    assert BY_HAND.part() == (6 + 2 + 18 + 6 + 2) / 90
    assert BY_HAND.common() == (3 + 1 + 1 * 3 * 2 + 2 * 2 + 2) / 90


def test_places_are_worked_out_by_hand() -> None:
    """An agent's columns of gate g begin at g times the width of the root."""
    root = np.arange(60).reshape(5, 12)
    assert root[BY_HAND.places("gru.weight", 0)].tolist() == [
        [0, 1, 2, 4, 5, 6, 8, 9, 10],
        [36, 37, 38, 40, 41, 42, 44, 45, 46],
    ]
    assert BY_HAND.numbers("gru.weight", 1)[0].tolist() == [37, 38, 39, 41, 42, 43, 45, 46, 47]
    assert BY_HAND.numbers("fc.bias", 1).tolist() == [3, 4]
    assert BY_HAND.numbers("head.bias", 0).tolist() == [0, 1]


def test_an_average_by_hand() -> None:
    """Unit 3 is held by both, 0 by the first and 4 by the second agent."""
    arrays = {0: np.array([1.0, 2.0], np.float32), 1: np.array([4.0, 8.0], np.float32)}
    pooled = BY_HAND.pool("fc.bias", arrays, {0: 0.5, 1: 0.5})
    assert BY_HAND.gather(pooled, "fc.bias", 0, arrays[0]).tolist() == [1.0, 3.0]
    assert BY_HAND.gather(pooled, "fc.bias", 1, arrays[1]).tolist() == [3.0, 8.0]


def test_what_no_counted_agent_holds_stays() -> None:
    left_out = np.array([7.0, 9.0], np.float32)
    pooled = BY_HAND.pool("fc.bias", {1: np.array([4.0, 8.0], np.float32)}, {1: 1.0})
    assert BY_HAND.gather(pooled, "fc.bias", 0, left_out).tolist() == [7.0, 4.0]


def test_first_arrays_are_those_of_the_holder_with_the_lowest_number() -> None:
    starts = [{"fc.bias": np.array([1.0, 2.0], np.float32)}, {"fc.bias": np.array([5.0, 6.0], np.float32)}]
    first = BY_HAND.first(starts)
    assert [one["fc.bias"].tolist() for one in first] == [[1.0, 2.0], [2.0, 6.0]]
    assert starts[1]["fc.bias"].tolist() == [5.0, 6.0]


def test_distances_are_over_common_elements() -> None:
    networks = {
        0: {"fc.bias": np.array([1.0, 2.0]), "head.bias": np.array([0.0, 3.0])},
        1: {"fc.bias": np.array([2.5, 9.0]), "head.bias": np.array([4.0, 0.0])},
    }
    assert BY_HAND.distances(networks) == {"fc.bias": 0.5, "head.bias": 5.0}
    apart = SubNetworks(ROOT, {"fc": np.array([[0, 1], [2, 3]]), "gru": np.array([[0, 1, 2], [0, 1, 2]])})
    assert apart.distances(networks)["fc.bias"] == 0.0
    assert apart.distances({1: networks[1]}) == {"fc.bias": 0.0, "head.bias": 0.0}


@given(st.integers(0, 10**6), st.integers(1, 6), st.data())
@EXAMPLES
def test_averages_are_those_of_whole_networks_with_masks(seed: int, n_agents: int, data: st.DataObject) -> None:
    """The same as strategies.mixing computes for networks of the root's size, bit for bit, for any counted agents."""
    counted = data.draw(st.lists(st.integers(0, n_agents - 1), min_size=1, unique=True).map(sorted))
    given_weights = data.draw(st.lists(st.floats(0.01, 1), min_size=len(counted), max_size=len(counted)))
    weights = dict(zip(counted, given_weights, strict=True))
    parts, random = parts_of(seed, n_agents), np.random.default_rng(seed)
    for name, shape in SHAPES.items():
        whole = random.standard_normal((n_agents, *shape)).astype(np.float32)
        masks = np.zeros((n_agents, *shape), np.bool_)
        for agent in range(n_agents):
            masks[agent][parts.places(name, agent)] = True
        own = [whole[agent][parts.places(name, agent)] for agent in range(n_agents)]
        pooled = parts.pool(name, {agent: own[agent] for agent in counted}, weights)
        for agent in range(n_agents):
            expected = masked_average(
                [whole[one] for one in counted], given_weights, masks[counted], whole[agent], masks[agent]
            )
            found = parts.gather(pooled, name, agent, own[agent])
            assert found.dtype == np.float32
            assert np.array_equal(found, expected[parts.places(name, agent)])


@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(-1e4, 1e4, width=32))
@EXAMPLES
def test_parts_of_one_network_are_not_moved(seed: int, n_agents: int, scale: float) -> None:
    parts, random = parts_of(seed, n_agents), np.random.default_rng(seed)
    for name, shape in SHAPES.items():
        root = (scale * random.standard_normal(shape)).astype(np.float32)
        own = {agent: root[parts.places(name, agent)] for agent in range(n_agents)}
        pooled = parts.pool(name, own, dict.fromkeys(own, 1 / n_agents))
        for agent, array in own.items():
            assert np.array_equal(parts.gather(pooled, name, agent, array), array)


@given(st.integers(0, 10**6), st.permutations(range(4)))
@EXAMPLES
def test_renumbered_agents_have_the_same_averages_renumbered(seed: int, order: list[int]) -> None:
    parts, random = parts_of(seed, 4), np.random.default_rng(seed)
    renumbered = SubNetworks(ROOT, {group: units[order] for group, units in parts.units.items()})
    for name, shape in HELD.items():
        own = random.standard_normal((4, *shape)).astype(np.float32)
        pooled = parts.pool(name, dict(enumerate(own)), dict.fromkeys(range(4), 0.25))
        other = renumbered.pool(name, dict(enumerate(own[order])), dict.fromkeys(range(4), 0.25))
        for place, agent in enumerate(order):
            found = renumbered.gather(other, name, place, own[agent])
            np.testing.assert_allclose(found, parts.gather(pooled, name, agent, own[agent]), rtol=1e-6)


def test_drawn_units_are_exactly_as_many_and_equally_probable() -> None:
    drawn = [drawn_units(3, "test", agent, "gru", 16, 6) for agent in range(2000)]
    assert all(len(set(one.tolist())) == 6 and (np.diff(one) > 0).all() for one in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=16) / len(drawn)
    assert np.abs(counts - 6 / 16).max() < 5 * np.sqrt(6 / 16 * 10 / 16 / len(drawn))
    assert np.array_equal(drawn[7], drawn_units(3, "test", 7, "gru", 16, 6))
    for other in (drawn_units(4, "test", 7, "gru", 16, 6), drawn_units(3, "test", 7, "fc", 16, 6)):
        assert not np.array_equal(drawn[7], other)


WIDTHS, KEPT = {"fc": 200, "gru": 100}, {"fc": 100, "gru": 50}


def overlaps(centres: NDArray[np.float64], seeds: range = range(20)) -> NDArray[np.float64]:
    """The mean Jaccard index of each pair of clusters over seeds and groups: [pairs]."""
    found = []
    for seed in seeds:
        units = mapped_units(centres, WIDTHS, KEPT, seed)
        assert {group: one.shape for group, one in units.items()} == {
            "fc": (len(centres), 100),
            "gru": (len(centres), 50),
        }
        pairs = combinations(range(len(centres)), 2)
        found.append([np.mean([jaccard(one[i], one[j]) for one in units.values()]) for i, j in pairs])
    return np.mean(found, axis=0)


@pytest.mark.parametrize("clusters", [2, 3, 5, 10])
def test_clusters_that_are_equally_far_are_unrelated(clusters: int) -> None:
    """keep / (2 - keep) in the mean, for any number of clusters; two clusters are not opposite either."""
    keep = 0.5
    assert np.abs(overlaps(np.eye(clusters)) - keep / (2 - keep)).max() < 0.05
    inputs = standardised(np.eye(clusters))
    products = inputs @ inputs.T
    assert np.allclose(products - np.diag(np.diag(products)), 0)
    assert np.mean(np.square(inputs[:, :-1])) == pytest.approx(1)


def test_near_centres_have_common_units_and_far_ones_fewer() -> None:
    """Five centres on a line in ten dimensions, at growing distances."""
    direction = np.random.default_rng(1).standard_normal(10)
    positions = np.array([0.0, 0.02, 0.1, 0.5, 2.0])
    found = overlaps(positions[:, None] * direction)
    apart = [abs(one - other) for one, other in combinations(positions, 2)]
    nearest_first = found[np.argsort(apart)]
    assert nearest_first[0] > 0.9
    assert nearest_first[-1] < 0.4
    assert (np.diff(nearest_first) < 0.02).all()  # falling, up to the noise of pairs that are about equally far


def test_what_a_mapping_does_not_depend_on() -> None:
    """Location and scale of the centres; and one cluster, or equal ones, have one set of units."""
    centres = np.random.default_rng(2).standard_normal((4, 6))
    units = mapped_units(centres, WIDTHS, KEPT, 1)
    moved = mapped_units(8 * centres + 32, WIDTHS, KEPT, 1)
    assert all(np.array_equal(units[group], moved[group]) for group in WIDTHS)
    permuted = mapped_units(centres[::-1], WIDTHS, KEPT, 1)
    assert all(np.array_equal(units[group][::-1], permuted[group]) for group in WIDTHS)
    other = mapped_units(centres, WIDTHS, KEPT, 2)
    assert not any(np.array_equal(units[group], other[group]) for group in WIDTHS)
    for equal in (np.ones((1, 3)), np.ones((3, 2))):
        assert all((one == one[0]).all() for one in mapped_units(equal, WIDTHS, KEPT, 1).values())
