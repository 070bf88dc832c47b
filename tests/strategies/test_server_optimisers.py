"""The server's step, worked out by hand, against Flower's own classes and against numpy; and across a restart.

Toy agents (toy_agents) all start from 10 and learn 1, 2, 6 in a round, so that their average is 3 further on.
"""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, MessageType
from flwr.serverapp.strategy import FedAdam, FedAvgM

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import DivergenceError, FederationError
from fedqmix.strategies.local_grid import take_server_identity
from fedqmix.strategies.server_optimiser import Adam, Momentum
from support.toy_agents import SHAPES, ToyAgents, ToyGrid, federate, joined, make_strategy

MOMENTUM = {"server_optimiser": "momentum", "server_learning_rate": 0.5, "server_momentum": 0.5}
ADAM = {"server_optimiser": "adam", "server_adam_eta": 0.5, "server_adam_beta_1": 0.5, "server_adam_beta_2": 0.75}
TWO_SHAPES = {"fc.weight": (2, 3), "head.bias": (4,)}


def trained(name, rounds, **changes):
    """Each round's arrays, and the strategy."""
    strategy, seen = make_strategy(name, **changes), []
    grid = ToyGrid(ToyAgents())

    def after_round(number, arrays):
        if number:
            seen.append({name: array.numpy().copy() for name, array in arrays.items()})

    strategy.start(grid=grid, initial_arrays=joined(strategy, grid), num_rounds=rounds, evaluate_fn=after_round)
    return seen, strategy


def drawn(random):
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in TWO_SHAPES.items()}


def record(named):
    take_server_identity()
    return ArrayRecord({name: Array(value) for name, value in named.items()})


def walked(optimiser, rounds=4, first=1, begin=None, seed=3):
    """Let an optimiser take the steps of some rounds; return start, aggregates, and what it made of each."""
    random = np.random.default_rng(seed)
    start, aggregates = drawn(random), [drawn(random) for _ in range(rounds)]
    position = start if begin is None else begin
    path = []
    for round_, aggregate in enumerate(aggregates, start=1):
        if round_ >= first:
            moved = optimiser.step(round_, record(position), record(aggregate))
            position = {name: array.numpy() for name, array in moved.items()}
            path.append(position)
    return start, aggregates, path


def test_momentum_by_hand():
    """u: -3; -1.5 - 3 = -4.5; -2.25 - 3 = -5.25. x: 10 + 1.5; + 2.25; + 2.625."""
    seen, _ = trained("a_pps", 3, **MOMENTUM)
    assert [float(arrays["head.bias"][0]) for arrays in seen] == [11.5, 13.75, 16.375]
    assert all((value == value.flat[0]).all() for value in seen[-1].values())


def test_adam_by_hand():
    """Delta = 3: m = 1.5, v = 2.25, eta_1 = 0.5 sqrt(1 - 0.75^2) / (1 - 0.5^2), and a tau of 0.5."""
    seen, _ = trained("a_pps", 1, **ADAM, server_adam_tau=0.5)
    expected = 10 + 0.5 * np.sqrt(1 - 0.75**2) / (1 - 0.5**2) * 1.5 / (1.5 + 0.5)
    assert seen[0]["head.bias"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "flower"),
    [
        (MOMENTUM, lambda keys: FedAvgM(server_learning_rate=0.5, server_momentum=0.5, **keys)),
        (ADAM, lambda keys: FedAdam(eta=0.5, beta_1=0.5, beta_2=0.75, **keys)),
    ],
)
def test_flowers_own_strategies_end_where_ours_do(changes, flower):
    """The toy agents through FedAvgM and FedAdam themselves; these average in float32, hence the tolerance."""
    keys = {"min_train_nodes": 3, "min_available_nodes": 3, "fraction_evaluate": 0.0, "configrecord_key": m.PLAN}
    first = record({name: np.full(shape, 10, np.float32) for name, shape in SHAPES.items()})
    result = flower(keys).start(grid=ToyGrid(ToyAgents()), initial_arrays=first, num_rounds=5)
    seen, _ = trained("a_pps", 5, **changes)
    for name, value in seen[-1].items():
        assert value == pytest.approx(result.arrays[name].numpy(), rel=1e-5)
        assert value.dtype == np.float32


def test_momentum_is_its_equation():
    start, aggregates, path = walked(Momentum(0.7, 0.9))
    for name in TWO_SHAPES:
        x, u = start[name].astype(np.float64), 0.0
        for aggregate, moved in zip(aggregates, path, strict=True):
            u = 0.9 * u - (aggregate[name] - x)
            x = x - 0.7 * u
            assert moved[name] == pytest.approx(x, rel=1e-5, abs=1e-5)


def test_adam_is_its_equation():
    start, aggregates, path = walked(Adam(eta=0.02, beta_1=0.9, beta_2=0.99, tau=1e-3))
    for name in TWO_SHAPES:
        x, m_t, v_t = start[name].astype(np.float64), 0.0, 0.0
        for t, (aggregate, moved) in enumerate(zip(aggregates, path, strict=True), start=1):
            delta = aggregate[name] - x
            m_t, v_t = 0.9 * m_t + 0.1 * delta, 0.99 * v_t + 0.01 * delta**2
            eta_t = 0.02 * np.sqrt(1 - 0.99 ** (t + 1)) / (1 - 0.9 ** (t + 1))
            x = x + eta_t * m_t / (np.sqrt(v_t) + 1e-3)
            assert moved[name] == pytest.approx(x, rel=1e-5, abs=1e-5)
            assert moved[name].dtype == np.float32


@pytest.mark.parametrize("name", ["a_pps", "rs_pps", "pp_pps"])
def test_a_rate_of_1_without_momentum_is_the_average_bit_for_bit(name):
    seen, _ = trained(name, 3, server_optimiser="momentum", server_learning_rate=1.0, server_momentum=0.0)
    plain, _ = trained(name, 3)
    for one, other in zip(seen, plain, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(value, other[array]) for array, value in one.items())


@pytest.mark.parametrize("make", [lambda: Momentum(0.7, 0.9), lambda: Adam(0.02, 0.9, 0.99, 1e-3)])
def test_an_optimiser_goes_on_from_its_state(make):
    """Files hold names in another order than messages."""
    whole = walked(make())[2]
    one, other = make(), make()
    begun = walked(one, rounds=2)[2]
    other.load_state({name: value.copy() for name, value in sorted(one.state().items(), reverse=True)})
    gone_on = walked(other, first=3, begin=begun[-1])[2]
    for name in TWO_SHAPES:
        assert np.array_equal(gone_on[-1][name], whole[-1][name])
    fresh = walked(make(), first=3, begin=begun[-1])[2]
    assert not np.array_equal(fresh[-1]["fc.weight"], whole[-1]["fc.weight"])


@pytest.mark.parametrize("changes", [MOMENTUM, ADAM])
def test_a_strategy_goes_on_from_its_state(changes):
    whole, _ = trained("rs_pps", 4, **changes)
    begun, strategy = trained("rs_pps", 2, **changes)
    later = make_strategy("rs_pps", **changes)
    later.first_round = 3
    later.load_state({name: value.copy() for name, value in strategy.state().items()})
    grid = ToyGrid(ToyAgents())
    joined(later, grid)
    result = later.start(grid=grid, initial_arrays=record(begun[-1]), num_rounds=2)
    for name, value in whole[-1].items():
        assert np.array_equal(result.arrays[name].numpy(), value)


@pytest.mark.parametrize("changes", [MOMENTUM, ADAM])
def test_what_is_evaluated_is_what_the_next_round_begins_with(changes):
    agents, strategy = ToyAgents(), make_strategy("pp_pps", **changes)
    strategy.evaluate_every = 1
    result = federate(strategy, ToyGrid(agents), 2)
    trained_with, shown = (
        [question.content.array_records[m.ARRAYS]["head.bias"].numpy()[0] for _, question in agents.asked(kind)]
        for kind in (MessageType.TRAIN, MessageType.EVALUATE)
    )
    assert shown[:3] == trained_with[3:]
    assert shown[3:] == [result.arrays["head.bias"].numpy()[0]] * 3
    assert set(strategy.state()) == {
        f"server.{moment}.{name}"
        for moment in (["momentum"] if changes is MOMENTUM else ["m", "v"])
        for name in ("head.weight", "head.bias")
    }


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_step_too_large_for_any_network_is_refused():
    arrays = [record({"fc.weight": np.full(3, value, np.float32)}) for value in (1, 2)]
    with pytest.raises(DivergenceError, match=r"fc\.weight after the step of strategy\.server_optimiser .* at round 7"):
        Momentum(1e39, 0.0).step(7, *arrays)


def test_other_names_than_the_round_began_with_are_refused():
    arrays = record({"fc.weight": np.ones(3, np.float32)})
    with pytest.raises(FederationError, match=r"returned head\.bias in round 2, which began with fc\.weight"):
        Momentum(1.0, 0.9).step(2, arrays, record({"head.bias": np.ones(3, np.float32)}))
