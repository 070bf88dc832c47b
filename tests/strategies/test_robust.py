"""Robust aggregation: by hand, against Flower's own classes called directly, and with liars in the team."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp.strategy import Bulyan, FedAvg, FedMedian, FedTrimmedAvg, Krum, MultiKrum

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import EXP_AVG, EXP_AVG_SQ
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies import TeamStrategy
from fedqmix.strategies.local_grid import take_server_identity
from support.toy_agents import SHAPES, ToyAgents, ToyGrid, federate, make_strategy

TWO_SHAPES = {"fc.weight": (4, 5), "head.bias": (6,)}
ROBUST = [("median", {}), ("trimmed_mean", {}), ("krum", {}), ("krum", {"krum_select": 3}), ("bulyan", {})]


def record(values: dict[str, Any]) -> ArrayRecord:
    take_server_identity()
    return ArrayRecord({name: Array(np.asarray(value, np.float32)) for name, value in values.items()})


def numbers(*agents: list[float]) -> list[ArrayRecord]:
    return [record({"head.bias": values}) for values in agents]


def drawn(n_agents: int, seed: int = 1, spread: float = 0.1) -> list[ArrayRecord]:
    """Honest agents: networks of normal size, a little apart."""
    random = np.random.default_rng(seed)
    centre = {name: random.standard_normal(shape) for name, shape in TWO_SHAPES.items()}
    return [
        record({name: value + spread * random.standard_normal(value.shape) for name, value in centre.items()})
        for _ in range(n_agents)
    ]


def combined(strategy: TeamStrategy, contents: list[ArrayRecord]) -> dict[str, np.ndarray]:
    weights = strategy.weights([1.0] * len(contents))
    result = strategy.combine(contents, weights)
    for name, array in contents[0].items():
        assert (result[name].dtype, result[name].shape) == (array.dtype, array.shape)
    return {name: array.numpy() for name, array in result.items()}


def test_the_median_by_hand() -> None:
    strategy = make_strategy("median", 3)
    found = combined(strategy, numbers([1, 5, 7, 0], [2, 4, 7, 0], [9, 6, 7, 1]))
    assert found["head.bias"].tolist() == [2, 5, 7, 0]
    # alone in the middle: agent 1, agent 0; all three alike; agents 0 and 1 alike
    assert strategy.record.weights == pytest.approx([(1 + 1 / 3 + 1 / 2) / 4, (1 + 1 / 3 + 1 / 2) / 4, 1 / 3 / 4])
    four = make_strategy("median", 4)
    assert combined(four, numbers([1], [2], [4], [100]))["head.bias"].tolist() == [3]
    assert four.record.weights == [0, 0.5, 0.5, 0]


def test_the_trimmed_mean_by_hand() -> None:
    strategy = make_strategy("trimmed_mean", 5)
    found = combined(strategy, numbers([1, 0], [2, 0], [6, 3], [4, -9], [100, 6]))
    assert found["head.bias"].tolist() == [4, 1]
    assert strategy.record.weights == pytest.approx([1 / 6, 2 / 6, 2 / 6, 1 / 6, 0])
    none_trimmed = make_strategy("trimmed_mean", 3, byzantine=0)
    assert combined(none_trimmed, numbers([1], [2], [6]))["head.bias"].tolist() == [3]


@pytest.mark.parametrize(("n_agents", "byzantine"), [(n, f) for f in range(1, 5) for n in range(2 * f + 1, 60)])
def test_exactly_byzantine_values_are_trimmed_at_each_end(n_agents: int, byzantine: int) -> None:
    """Flower's class takes a fraction, and int(f / n * n) is f - 1 for some: n = 49, f = 1."""
    strategy = make_strategy("trimmed_mean", n_agents, byzantine=byzantine)
    values = np.arange(n_agents) ** 3.0
    found = combined(strategy, numbers(*([value] for value in values)))
    assert found["head.bias"] == pytest.approx(values[byzantine : n_agents - byzantine].mean())


def test_krum_by_hand() -> None:
    """n - f - 2 = 2 neighbours count: 0.5 has 0.25 + 0.36, less than anybody else."""
    strategy = make_strategy("krum", 5)
    assert combined(strategy, numbers([0], [0.5], [1.1], [1.9], [50]))["head.bias"].tolist() == [np.float32(0.5)]
    assert strategy.record.weights == [0, 1, 0, 0, 0]
    three = make_strategy("krum", 5, krum_select=3)
    assert combined(three, numbers([0], [0.5], [1.25], [1.9], [50]))["head.bias"] == pytest.approx((0.5 + 1.25 + 0) / 3)
    assert three.record.weights == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])


def test_bulyan_by_hand() -> None:
    """Krum leaves out 50 and 9; of 1 2 3 4 6, the three nearest to 3 are averaged."""
    strategy = make_strategy("bulyan", 7)
    assert combined(strategy, numbers([1], [2], [3], [4], [6], [50], [9]))["head.bias"].tolist() == [3]
    assert strategy.record.weights == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "n_agents", "changes", "flower"),
    [
        ("median", 4, {}, FedMedian()),
        ("trimmed_mean", 7, {"byzantine": 2}, FedTrimmedAvg(beta=0.3)),
        ("krum", 5, {}, Krum(num_malicious_nodes=1)),
        ("krum", 6, {"krum_select": 4}, MultiKrum(num_malicious_nodes=1, num_nodes_to_select=4)),
        ("bulyan", 8, {}, Bulyan(num_malicious_nodes=1)),
    ],
)
def test_it_is_what_flowers_class_computes(name: str, n_agents: int, changes: dict[str, Any], flower: FedAvg) -> None:
    """Flower's class gets float32, ours float64, hence the tolerance."""
    for seed in range(5):
        contents = drawn(n_agents, seed)
        replies = [
            Message(
                RecordDict({m.ARRAYS: ArrayRecord(dict(one)), m.METRICS: MetricRecord({m.NUM_EXAMPLES: 1})}),
                SUPERLINK_NODE_ID,
                MessageType.TRAIN,
            )
            for one in contents
        ]
        expected, _ = flower.aggregate_train(1, replies)
        assert expected is not None
        found = combined(make_strategy(name, n_agents, **changes), contents)
        for array, value in found.items():
            assert value == pytest.approx(expected[array].numpy(), rel=1e-5, abs=1e-6)


LIES = {
    "far away": lambda value: np.full_like(value, 1e6),
    "turned round": lambda value: -value,
    "a hundred times": lambda value: 100 * value,
    "nothing": np.zeros_like,
    "the largest": lambda value: np.full_like(value, np.finfo(np.float32).max),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize(("n_agents", "liars"), [(3, 1), (5, 2), (7, 3)])
@pytest.mark.parametrize("name", ["median", "trimmed_mean"])
def test_liars_cannot_move_it_out_of_the_honest_range(name: str, n_agents: int, liars: int, lie: str) -> None:
    contents = drawn(n_agents)
    honest = contents[liars:]
    lies = [record({name: LIES[lie](array.numpy()) for name, array in one.items()}) for one in contents[:liars]]
    found = combined(make_strategy(name, n_agents, byzantine=liars), [*lies, *honest])
    for array, value in found.items():
        values = [one[array].numpy() for one in honest]
        assert (value >= np.min(values, axis=0)).all()
        assert (value <= np.max(values, axis=0)).all()


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize(("name", "n_agents", "liars"), [("krum", 5, 1), ("krum", 7, 2), ("bulyan", 7, 1)])
def test_liars_have_no_share(name: str, n_agents: int, liars: int, lie: str) -> None:
    contents = drawn(n_agents)
    for agent in range(liars):
        contents[2 * agent] = record({name: LIES[lie](value.numpy()) for name, value in contents[2 * agent].items()})
    strategy = make_strategy(name, n_agents, byzantine=liars)
    found = combined(strategy, contents)
    assert [strategy.record.weights[2 * agent] for agent in range(liars)] == [0] * liars
    assert sum(strategy.record.weights) == pytest.approx(1)
    if name == "krum":
        chosen = strategy.record.weights.index(1)
        assert all(np.array_equal(value, contents[chosen][array].numpy()) for array, value in found.items())


@pytest.mark.parametrize(("name", "changes"), ROBUST)
def test_the_agents_numbers_change_no_bit(name: str, changes: dict[str, Any]) -> None:
    contents, order = drawn(8), [3, 1, 7, 0, 2, 6, 5, 4]
    one, other = (make_strategy(name, 8, **changes) for _ in range(2))
    found, again = combined(one, contents), combined(other, [contents[agent] for agent in order])
    assert all(np.array_equal(value, again[array]) for array, value in found.items())
    assert list(other.record.weights) == [one.record.weights[agent] for agent in order]


def with_moments(contents: list[ArrayRecord], seed: int = 2) -> list[ArrayRecord]:
    """The agents' Adam moments beside their parameters: squares as small as they are in training."""
    random = np.random.default_rng(seed)
    agents = []
    for content in contents:
        moments = {EXP_AVG + name: 1e-4 * random.standard_normal(array.shape) for name, array in content.items()}
        squares = {
            EXP_AVG_SQ + name: np.square(moments[EXP_AVG + name]) * random.uniform(0.5, 2, array.shape)
            for name, array in content.items()
        }
        agents.append(record({name: array.numpy() for name, array in content.items()} | moments | squares))
    return agents


@pytest.mark.parametrize(("name", "changes"), ROBUST)
def test_a_lie_about_moments_is_a_lie(name: str, changes: dict[str, Any]) -> None:
    """An agent whose parameters are the best of all, and whose moments are large."""
    contents = with_moments(drawn(8))
    best = {array: np.mean([one[array].numpy() for one in contents], axis=0) for array in contents[0]}
    honest = {array: np.max([abs(one[array].numpy()) for one in contents[1:]], axis=0) for array in best}
    contents[0] = record({array: (100 if "adam" in array else 1) * value for array, value in best.items()})
    strategy = make_strategy(name, 8, adam_moments="average", **changes)
    found = combined(strategy, contents)
    for array, value in found.items():
        assert (abs(value) <= honest[array]).all()
        assert not array.startswith(EXP_AVG_SQ) or (value >= 0).all()
    if name in ("krum", "bulyan"):
        assert strategy.record.weights[0] == 0


@pytest.mark.parametrize("name", ["a_pps", "median", "krum", "norm_clip"])
def test_squares_below_0_are_refused_by_name(name: str) -> None:
    """Whatever the weights are, one number below 0 could make the root of the aggregate no number."""
    contents = with_moments(drawn(8))
    squares = EXP_AVG_SQ + "head.bias"
    contents[5][squares] = Array(contents[5][squares].numpy() - np.float32(1e-3))
    strategy = make_strategy(name, 8, adam_moments="average")
    with pytest.raises(FederationError, match=r"agent 5 returned adam\.exp_avg_sq\.head\.bias with values below 0"):
        strategy.combine(contents, [1 / 8] * 8)


@pytest.mark.parametrize(
    ("name", "left", "changes"), [("krum", 2, {}), ("krum", 5, {"krum_select": 6}), ("bulyan", 2, {})]
)
def test_too_few_agents_in_a_round_are_refused(name: str, left: int, changes: dict[str, Any]) -> None:
    """Agents can be left out of a round, so that the map's team is large enough, and those who are left are not."""
    strategy = make_strategy(name, 8, **changes)
    least = changes.get("krum_select", 3)
    with pytest.raises(FederationError, match=f"needs at least {least} agents in every round; round 0 has {left}"):
        strategy.combine(drawn(left), [1 / left] * left)


@pytest.mark.parametrize(("name", "n_agents"), [("median", 3), ("trimmed_mean", 3), ("krum", 5), ("bulyan", 7)])
def test_a_liar_that_was_left_out_is_one_fewer_to_reckon_with(name: str, n_agents: int) -> None:
    """The smallest team that bears one liar goes on without it, as a team of honest agents does."""
    contents = drawn(n_agents - 1)
    found = combined(make_strategy(name, n_agents), contents)
    expected = combined(make_strategy(name, n_agents - 1, byzantine=0), contents)
    for value, other in zip(found.values(), expected.values(), strict=True):
        assert np.array_equal(value, other)


@pytest.mark.parametrize(("name", "changes"), ROBUST)
def test_arrays_that_do_not_fit_are_refused_in_words(name: str, changes: dict[str, Any]) -> None:
    contents = drawn(8)
    contents[3] = record({"fc.weight": np.zeros((4, 5))})
    with pytest.raises(FederationError, match="agent 3 returned"):
        make_strategy(name, 8, **changes).combine(contents, [1 / 8] * 8)


def test_whole_rounds_with_the_shares_in_the_record() -> None:
    """Agents learn 1, 2 and 6 from one network of 10: the median of each round is 2 further on."""
    strategy = make_strategy("median")
    result = federate(strategy, ToyGrid(ToyAgents()), 2)
    assert all((result.arrays[name].numpy() == 14).all() for name in SHAPES)
    assert strategy.record.weights == [0, 1, 0]
    assert strategy.record.rewards == [1, 3, 0]
