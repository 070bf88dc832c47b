"""Mixing matrices, clusters and masks, worked out by hand: agents start with 10 and gain 1, 2, 6 in a round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flwr.app import MessageType

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.strategies.a_pps import AveragePPS
from fedqmix.strategies.mixing import Matrix, masked_average
from support.halves import Halves
from support.toy_agents import ENV_STEPS, EVALUATE_EVERY, SHAPES, ToyAgents, ToyGrid, federate, joined, make_strategy
from support.toy_team import strategy_settings


def own(kind, n_agents=3, **changes):
    """A strategy of a class, for toy agents."""
    return kind(strategy_settings("own", **changes), n_agents, ENV_STEPS, EVALUATE_EVERY, evaluate_episodes=4)


def clusters(*groups, **changes):
    return make_strategy("clusters", sum(map(len, groups)), clusters=[list(group) for group in groups], **changes)


def values(arrays, name="fc.weight"):
    """The numbers that fill a parameter of each agent."""
    found = [of_agent(arrays, agent)[name].numpy() for agent in range(3)]
    assert all((value == value.flat[0]).all() for value in found)
    return [float(value.flat[0]) for value in found]


def data(result):
    """The bytes of every array by name."""
    return {name: array.data for name, array in result.arrays.items()}


def sent(agents, kind, name="fc.weight"):
    """The numbers that each agent was sent, by round."""
    return [float(q.content.array_records[m.ARRAYS][name].numpy().flat[0]) for _, q in agents.asked(kind)]


def test_clusters_are_averaged_among_themselves():
    """Agents 0 and 2 end at 11 and 16, mean 13.5, and then at 14.5 and 19.5, mean 17; agent 1 goes its own way."""
    agents, strategy = ToyAgents(), clusters([2, 0], [1])
    strategy.evaluate_every = 1
    result = federate(strategy, ToyGrid(agents), 2)
    assert values(result.arrays) == [17, 14, 17]
    assert sent(agents, MessageType.TRAIN) == [10, 10, 10, 13.5, 12, 13.5]
    assert sent(agents, MessageType.EVALUATE) == [13.5, 12, 13.5, 17, 14, 17]
    assert set(result.arrays) == {f"{some}.{name}" for name in SHAPES for some in ("agents-0-2", "agents-1")}
    assert strategy.record.weights == pytest.approx([1 / 3] * 3)


def test_one_cluster_is_a_pps_bit_for_bit():
    one, other = (
        federate(clusters([0, 1, 2]), ToyGrid(ToyAgents()), 3),
        federate(make_strategy("a_pps"), ToyGrid(ToyAgents()), 3),
    )
    assert {name: array.data for name, array in one.arrays.items()} == {
        name: array.data for name, array in other.arrays.items()
    }


def test_agents_that_hold_equal_values_have_one_array():
    """Agent 1 gains as much as agents 0 and 2 on average, in a cluster of its own."""
    result = federate(clusters([0, 2], [1]), ToyGrid(ToyAgents(gains=(1, 2, 3))), 1)
    assert list(result.arrays) == list(SHAPES)


def test_moments_and_targets_are_their_clusters_own():
    agents, strategy = ToyAgents(), clusters([0, 1], [2], adam_moments="average", share_targets=True)
    federate(strategy, ToyGrid(agents), 2)
    assert sent(agents, MessageType.TRAIN, "adam.exp_avg.head.bias") == [0, 0, 0, 1.5, 1.5, 6]
    assert sent(agents, MessageType.TRAIN, "target.head.bias") == [10, 10, 10, 11.5, 11.5, 16]
    assert {"agents-0-1.target.fc.weight", "agents-2.adam.exp_avg_sq.fc.weight"} <= set(strategy.state())


def test_a_strategy_goes_on_from_its_clusters_own_arrays():
    changes = {"adam_moments": "average", "share_targets": True}
    whole = federate(clusters([0, 2], [1], **changes), ToyGrid(ToyAgents()), 3)
    first = clusters([0, 2], [1], **changes)
    begun = federate(first, ToyGrid(ToyAgents()), 2)
    later, agents = clusters([0, 2], [1], **changes), ToyAgents()
    later.first_round = 3
    later.load_state({name: value.copy() for name, value in sorted(first.state().items())})
    grid = ToyGrid(agents)
    joined(later, grid)
    rest = later.start(grid=grid, initial_arrays=begun.arrays, num_rounds=1)
    assert data(rest) == data(whole)


def test_updates_are_clipped_from_what_each_agent_began_with():
    """In the second round agents begin with 12.5 (0, 1) and 13; all gain 1, 2 and 6, clipped to 1, 2 and 2."""
    result = federate(clusters([0, 1], [2], clip_update=1.0), ToyGrid(ToyAgents()), 2)
    assert values(result.arrays) == pytest.approx([13, 13, 14])


def test_an_agent_that_is_left_out_weighs_nothing_and_gets_its_clusters_average():
    """Agent 2's update is too large. Agent 0 counts alone in their cluster; agent 2 has what agent 0 ended with."""
    changes = {"on_fault": "leave_out", "max_update": 3.0}
    result = federate(clusters([0, 2], [1], **changes), ToyGrid(ToyAgents(gains=(1, 2, 600))), 1)
    assert values(result.arrays) == [11, 12, 11]


def test_an_agent_whose_whole_cluster_is_left_out_keeps_what_it_began_with():
    strategy = clusters([0, 1], [2], on_fault="leave_out", max_update=3.0)
    result = federate(strategy, ToyGrid(ToyAgents(gains=(1, 2, 600))), 1)
    assert values(result.arrays) == [11.5, 11.5, 10]
    assert strategy.record.weights[2] == 0


class Lean(AveragePPS):
    """The head is the mean of all; other layers take 3/4 of the agent's own and 1/4 of the next agent's."""

    def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Matrix:
        if name.startswith("head."):
            return super().mixing_matrix(name, rewards)
        return [[0.75, 0.25, 0], [0, 0.75, 0.25], [0.25, 0, 0.75]]


def test_a_matrix_may_differ_by_parameter():
    result = federate(own(Lean), ToyGrid(ToyAgents()), 1)
    assert values(result.arrays) == [11.25, 13, 14.75]
    assert values(result.arrays, "head.bias") == [13] * 3
    assert "head.bias" in result.arrays


def test_a_left_out_agents_weight_goes_to_the_others_in_proportion():
    """Without agent 2: row 1 is agent 1's alone, row 2 agent 0's alone."""
    strategy = own(Lean, on_fault="leave_out", max_update=3.0)
    result = federate(strategy, ToyGrid(ToyAgents(gains=(1, 2, 600))), 1)
    assert values(result.arrays) == [11.25, 12, 11]
    assert values(result.arrays, "head.bias") == [11.5] * 3


def matrix_of(matrix):
    class Given(AveragePPS):
        def mixing_matrix(self, name: str, rewards: Mapping[int, float]) -> Any:
            return matrix

    return Given


THIRD = [1 / 3] * 3


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        ([THIRD, [0.5, 0.5, 0.1], THIRD], "row 1 of the mixing matrix of fc.weight sums to 1.1; every row sums to 1"),
        ([THIRD, THIRD, [0.0, 0.0, 0.0]], "row 2 of the mixing matrix of fc.weight sums to 0"),
        ([[1.5, -0.5, 0.0], THIRD, THIRD], "row 0 of the mixing matrix of fc.weight gives agent 1 the weight -0.5"),
        ([THIRD, THIRD, [float("nan"), 0.5, 0.5]], "row 2 .* gives agent 0 the weight nan; weights are finite"),
        ([THIRD, [0.5, 0.5], THIRD], "row 1 of the mixing matrix of fc.weight has 2 weights; 3 agents need one each"),
        ([THIRD, THIRD], "the mixing matrix of fc.weight has 2 rows; 3 agents need one each"),
    ],
)
def test_a_matrix_that_is_not_row_stochastic_is_refused(matrix, text):
    agents = ToyAgents()
    with pytest.raises(FederationError, match=text):
        federate(own(matrix_of(matrix)), ToyGrid(agents), 1)
    assert not agents.asked(MessageType.EVALUATE)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([0.5, 0.5, 0.5], "row 0 of the mixing matrix of fc.weight sums to 1.5"),
        ([0.5, 0.5], "the strategy returned 2 weights; 3 agents need one each"),
    ],
)
def test_weights_that_do_not_make_such_a_matrix_are_refused(weights, text):
    class Given(AveragePPS):
        def weights(self, rewards: Any) -> list[float]:
            return weights

    with pytest.raises(FederationError, match=text):
        federate(own(Given), ToyGrid(ToyAgents()), 1)


def test_weights_are_asked_for_once_in_a_round():
    asked = []

    class Counting(AveragePPS):
        def weights(self, rewards: Any) -> list[float]:
            asked.append(list(rewards))
            return super().weights(rewards)

    federate(own(Counting), ToyGrid(ToyAgents()), 2)
    assert asked == [[1, 3, 0]] * 2


def test_a_masked_average_by_hand():
    """Elements: held by both; by the first; by the second; by nobody. The agent itself is the first."""
    arrays = [np.array([1, 2, 3, 4], np.float32), np.array([5, 6, 7, 8], np.float32)]
    held = np.array([[True, True, False, False], [True, False, True, False]])
    found = masked_average(arrays, [0.75, 0.25], held, arrays[0], held[0])
    assert found.tolist() == [0.75 * 1 + 0.25 * 5, 2, 3, 4]
    assert found.dtype == np.float32
    alone = masked_average(arrays, [0.0, 1.0], held, arrays[0], held[0])
    assert alone.tolist() == [5, 2, 3, 4], "where only agents without a weight hold an element it stays"


def test_an_element_is_averaged_over_those_who_hold_it():
    """Agents 0 and 2 hold the even elements and end at 11 and 16; agent 1 holds the odd ones. All hold the first.

    What an agent does not hold is as it left it.
    """
    result = federate(own(Halves), ToyGrid(ToyAgents()), 1)
    weights = [of_agent(result.arrays, agent)["fc.weight"].numpy().ravel().tolist() for agent in range(3)]
    assert weights == [[13, 11, 13.5, 11, 13.5, 11], [13, 12, 12, 12, 12, 12], [13, 16, 13.5, 16, 13.5, 16]]
    assert "head.bias" in result.arrays, "which all hold whole"


def test_masks_hold_for_moments_too():
    agents = ToyAgents()
    federate(own(Halves, adam_moments="average"), ToyGrid(agents), 2)
    rows = [
        q.content.array_records[m.ARRAYS]["adam.exp_avg.fc.weight"].numpy() for _, q in agents.asked(MessageType.TRAIN)
    ]
    assert rows[3].ravel().tolist() == [3, 1, 3.5, 1, 3.5, 1]
    assert rows[4].ravel().tolist() == [3, 2, 2, 2, 2, 2]


def test_a_masked_agent_that_is_left_out_keeps_its_own_elements_as_they_were_sent():
    strategy = own(Halves, on_fault="leave_out", max_update=3.0)
    result = federate(strategy, ToyGrid(ToyAgents(gains=(1, 2, 600))), 1)
    weights = [of_agent(result.arrays, agent)["fc.weight"].numpy().ravel().tolist() for agent in range(3)]
    assert weights[2] == [11.5, 10, 11, 10, 11, 10]
    assert weights[0] == [11.5, 11, 11, 11, 11, 11]


@pytest.mark.parametrize(
    ("mask", "found"),
    [(np.ones((3, 2, 2), bool), r"bool of shape \[3, 2, 2\]"), (np.ones((3, 2, 3)), "float64 of shape")],
)
def test_a_mask_of_another_shape_or_type_is_refused(mask, found):
    class Wrong(AveragePPS):
        def masks(self, name: str, shape: tuple[int, ...]) -> Any:
            return mask if name == "fc.weight" else None

    with pytest.raises(FederationError, match=rf"the mask of fc.weight is {found}.*shape \[3, 2, 3\] is needed"):
        federate(own(Wrong), ToyGrid(ToyAgents()), 1)


def test_one_aggregate_for_all_is_what_messages_and_records_held_before():
    """Today's strategies send plain names, and no plan of theirs declares buffers."""
    agents, strategy = ToyAgents(), make_strategy("rs_pps", adam_moments="average")
    result = federate(strategy, ToyGrid(agents), 2)
    assert list(result.arrays) == list(SHAPES)
    assert all(m.BUFFERS not in question.content.config_records[m.PLAN] for _, question in agents.heard)
    assert not any(name.startswith("agents-") for name in strategy.state())
