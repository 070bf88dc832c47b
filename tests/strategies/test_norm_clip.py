"""Norm clipping, by hand and with liars; with the weights of RS-PPS; and what is aggregated beside the parameters."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord

from fedqmix.runtime.core.array_names import EXP_AVG, EXP_AVG_SQ
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.clipping import clipped
from support.toy_agents import SHAPES, ToyAgents, ToyGrid, federate, make_strategy


def record(**values: list[float]) -> ArrayRecord:
    return ArrayRecord({name: Array(np.asarray(value, np.float32)) for name, value in values.items()})


def values_of(content: ArrayRecord) -> list[list[float]]:
    return [array.numpy().tolist() for array in content.values()]


def test_an_update_longer_than_the_median_is_shortened() -> None:
    """Updates from (1, 1): (3, 4) of length 5, (0, 2) of length 2, (0, -1) of length 1; all parameters together."""
    contents = [record(fc=[4], head=[5]), record(fc=[1], head=[3]), record(fc=[1], head=[0])]
    short = clipped(contents, [record(fc=[1], head=[1])] * 3, 1.0)
    assert np.allclose(values_of(short[0]), [[1 + 3 * 2 / 5], [1 + 4 * 2 / 5]])
    assert [one is other for one, other in zip(short, contents, strict=True)] == [False, True, True]
    assert short[0]["fc"].dtype == "float32"
    twice = clipped(contents, [record(fc=[1], head=[1])] * 3, 2.0)
    assert np.allclose(values_of(twice[0]), [[1 + 3 * 4 / 5], [1 + 4 * 4 / 5]])
    assert clipped(contents, [record(fc=[1], head=[1])] * 3, None) is contents


def test_whole_rounds_by_hand() -> None:
    """Agents learn 1, 2 and 6, clipped to 1, 2 and 2: 5/3 further on in every round."""
    result = federate(make_strategy("norm_clip"), ToyGrid(ToyAgents()), 3)
    assert all(np.allclose(result.arrays[name].numpy(), 10 + 5) for name in SHAPES)
    plain = federate(make_strategy("a_pps"), ToyGrid(ToyAgents()), 3)
    assert all(np.allclose(plain.arrays[name].numpy(), 10 + 9) for name in SHAPES)


def test_reward_weights_combine_with_it() -> None:
    """Weights 1/4, 3/4, 0 of updates 1, 2, 2; with the last one's reward a lie, at most its weight times 2."""
    strategy = make_strategy("rs_pps", clip_update=1.0)
    result = federate(strategy, ToyGrid(ToyAgents()), 1)
    assert all(np.allclose(result.arrays[name].numpy(), 10 + 1 / 4 + 3 * 2 / 4) for name in SHAPES)
    assert strategy.record.weights == [0.25, 0.75, 0]
    lying = make_strategy("rs_pps", clip_update=1.0, max_update=None)
    result = federate(lying, ToyGrid(ToyAgents(gains=(1, 2, 1e6), rewards=(1, 3, 1e9))), 1)
    assert all((result.arrays[name].numpy() <= 10 + 2).all() for name in SHAPES)


@pytest.mark.parametrize("n_agents", [3, 5, 7])
def test_one_liar_moves_the_average_no_farther_than_an_honest_agent(n_agents: int) -> None:
    gains = [1.0] * (n_agents - 1) + [-1e6]
    agents = ToyAgents([10.0] * n_agents, gains, [1.0] * n_agents, range(n_agents))
    result = federate(make_strategy("norm_clip", n_agents, max_update=None), ToyGrid(agents), 1)
    expected = 10 + (n_agents - 2) / n_agents
    assert all(np.allclose(result.arrays[name].numpy(), expected) for name in SHAPES)


def test_a_wide_clip_is_the_average_bit_for_bit() -> None:
    wide = federate(make_strategy("rs_pps", clip_update=100.0), ToyGrid(ToyAgents()), 3)
    plain = federate(make_strategy("rs_pps"), ToyGrid(ToyAgents()), 3)
    assert all(np.array_equal(wide.arrays[name].numpy(), plain.arrays[name].numpy()) for name in SHAPES)


def test_moments_are_shortened_with_the_parameters_they_belong_to() -> None:
    """The last agent's parameters are as all others', its moments are not; both are shortened alike."""
    names = ["fc", EXP_AVG + "fc", EXP_AVG_SQ + "fc"]
    start = record(**dict(zip(names, ([0.0], [1.0], [2.0]), strict=True)))
    honest = [record(**dict(zip(names, ([1.0], [2.0], [3.0]), strict=True))) for _ in range(2)]
    liar = record(**dict(zip(names, ([1.0], [11.0], [1002.0]), strict=True)))
    short = clipped([*honest, liar], [start] * 3, 1.0)
    assert np.allclose(values_of(short[2]), [[1 / 1000], [1 + 10 / 1000], [2 + 1]])
    assert short[:2] == honest


def test_other_names_than_the_round_began_with_are_refused() -> None:
    with pytest.raises(FederationError, match="agents returned head in a round that began with fc"):
        clipped([record(head=[1])] * 3, [record(fc=[1])] * 3, 1.0)
