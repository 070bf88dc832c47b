"""Every strategy, worked out by hand: agents start with 10, 20, 30 in every parameter and gain 1, 2, 6 a round."""

import math

import numpy as np
import pytest
from flwr.app import MessageType

from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies import strategy_class
from support.toy_agents import (
    EVALUATE_EVERY,
    SHAPES,
    STEPS_A_ROUND,
    ToyAgents,
    ToyGrid,
    federate,
    joined,
    make_strategy,
)


def value(arrays, name="head.bias"):
    """The number that fills a parameter."""
    array = arrays[name].numpy()
    assert array.dtype == np.float32
    assert array.shape == SHAPES[name]
    assert (array == array.flat[0]).all()
    return float(array.flat[0])


def run(name, rounds, agents=None, **changes):
    agents, strategy = agents or ToyAgents(), make_strategy(name, **changes)
    result = federate(strategy, ToyGrid(agents), rounds)
    return agents, strategy, result


def test_none_leaves_every_agent_alone():
    agents, strategy, result = run("none", 3)
    assert [agent["fc.weight"].flat[0] for agent in agents.networks] == [13, 26, 48]
    assert list(result.arrays) == []
    assert list(strategy.record.weights) == []
    assert all(not arrays for reply in agents.said for arrays in reply.content.array_records.values())
    assert all(not arrays for _, question in agents.heard for arrays in question.content.array_records.values())
    assert strategy.record.bytes_up == strategy.record.bytes_down == 0


def test_a_pps_is_the_mean():
    """All start from agent 0's 10: (11 + 12 + 16) / 3 = 13, then 16, 19."""
    for rounds, mean in ((1, 13), (2, 16), (3, 19)):
        _, strategy, result = run("a_pps", rounds)
        assert list(result.arrays) == list(SHAPES)
        assert {value(result.arrays, name) for name in SHAPES} == {mean}
        assert strategy.record.weights == [1 / 3] * 3


def test_own_starts_unless_a_common_one_is_wanted():
    """(11 + 22 + 36) / 3 = 23, then 26."""
    agents, _, result = run("a_pps", 2, common_start=False)
    assert value(result.arrays) == 26
    sent = [value(question.content.array_records[m.ARRAYS]) for _, question in agents.asked(MessageType.TRAIN)]
    assert sent == [10, 20, 30, 23, 23, 23]
    agents, _, _ = run("a_pps", 2, common_start=True)
    sent = [value(question.content.array_records[m.ARRAYS]) for _, question in agents.asked(MessageType.TRAIN)]
    assert sent == [10, 10, 10, 13, 13, 13]


@pytest.mark.parametrize("common_start", [True, False])
def test_what_is_evaluated_is_what_was_aggregated(common_start):
    _, strategy, _ = run("a_pps", 1)
    assert strategy.record.evaluation is None  # not due yet
    agents, strategy = ToyAgents(), make_strategy("a_pps", common_start=common_start)
    strategy.evaluate_every = 1
    federate(strategy, ToyGrid(agents), 2)
    shown = [value(question.content.array_records[m.ARRAYS]) for _, question in agents.asked(MessageType.EVALUATE)]
    assert shown == ([13] * 3 + [16] * 3 if common_start else [23] * 3 + [26] * 3)


def test_rs_pps_weighs_by_reward():
    """1 : 3 : 0 of 11, 12, 16 is 11.75; then 12.75, 13.75, 17.75 weighed alike."""
    _, strategy, result = run("rs_pps", 1)
    assert strategy.record.rewards == [1, 3, 0]
    assert strategy.record.weights == pytest.approx([0.25, 0.75, 0], abs=0)
    assert value(result.arrays) == 11.75
    assert value(run("rs_pps", 2)[2].arrays) == 0.25 * 12.75 + 0.75 * 13.75


def test_rs_pps_caps_a_weight():
    """No more than 0.6 for agent 1: the 0.15 cut off goes to the others in proportion, agent 2 has none."""
    _, strategy, result = run("rs_pps", 1, max_weight=0.6)
    assert strategy.record.weights == pytest.approx([0.4, 0.6, 0])
    assert value(result.arrays) == pytest.approx(0.4 * 11 + 0.6 * 12)


def test_rs_pps_of_the_team_reward_is_a_pps():
    agents = ToyAgents(rewards=(0.1, 0.7, 1.3))
    _, strategy, result = run("rs_pps", 3, agents, reward="team")
    assert strategy.record.rewards == pytest.approx([2.1] * 3)
    _, other, expected = run("a_pps", 3)
    assert list(strategy.record.weights) == list(other.record.weights)
    for name in SHAPES:
        assert result.arrays[name].data == expected.arrays[name].data


def test_rs_pps_of_the_policy_is_a_softmax_of_returns():
    """Everybody plays agent i's network: each of agents 1 to 3 earns (its number) times the network's value, so that
    the return is 6 times 11/6, 12/6, 16/6 here.
    """
    agents = ToyAgents(starts=(1, 5, 9), gains=(5 / 6, 1, 10 / 6))
    _, strategy, result = run("rs_pps", 1, agents, reward="policy", policy_episodes=2)
    assert strategy.record.rewards == pytest.approx([11, 12, 16], rel=1e-6)
    powers = [math.exp(reward) for reward in strategy.record.rewards]
    assert strategy.record.weights == pytest.approx([power / sum(powers) for power in powers])
    mixed = sum(p * x for p, x in zip(powers, (11 / 6, 2, 16 / 6), strict=True)) / sum(powers)
    assert value(result.arrays) == pytest.approx(mixed)
    assert strategy.record.env_step == STEPS_A_ROUND + 3 * 7  # these episodes included


def test_policies_are_measured_one_after_another_on_episodes_of_their_own():
    agents, strategy, _ = run("rs_pps", 2, reward="policy", policy_episodes=2, max_weight=0.4)
    asked = agents.asked(m.POLICY)
    assert [agent for agent, _ in asked] == [0, 1, 2] * 6
    first = [question.content.config_records[m.PLAN][m.FIRST_EPISODE] for _, question in asked]
    assert first == [episode for episode in (0, 2, 4, 6, 8, 10) for _ in range(3)]
    played = [value(question.content.array_records[m.ARRAYS]) for _, question in asked]
    assert played[:9] == [11] * 3 + [12] * 3 + [16] * 3
    assert max(strategy.record.weights) == pytest.approx(0.4)


def test_pp_pps_shares_the_head_and_nothing_else():
    agents, strategy, result = run("pp_pps", 2)
    assert list(result.arrays) == ["head.weight", "head.bias"]
    assert value(result.arrays) == 0.25 * 12.75 + 0.75 * 13.75  # as rs_pps
    for agent, (start, gain) in enumerate(((10, 1), (20, 2), (30, 6))):
        assert (agents.networks[agent]["fc.weight"] == start + 2 * gain).all()
        assert (agents.networks[agent]["gru.weight_hh"] == start + 2 * gain).all()
    assert strategy.record.weights == pytest.approx([0.25, 0.75, 0], abs=0)


def test_pp_pps_the_other_way_round():
    """What the authors' code shares instead is one setting."""
    agents, _, result = run("pp_pps", 1, shared=["fc.*", "gru.*"])
    assert list(result.arrays) == ["fc.weight", "gru.weight_hh"]
    assert value(result.arrays, "fc.weight") == 11.75
    assert [agent["head.bias"][0] for agent in agents.networks] == [11, 22, 36]


@pytest.mark.parametrize("name", ["none", "a_pps", "rs_pps", "pp_pps", "full_sharing"])
def test_only_full_sharing_ties_gradients(name):
    agents, _, result = run(name, 1)
    tied = [question.content.config_records[m.PLAN][m.TIE_GRADIENTS] for _, question in agents.asked(MessageType.TRAIN)]
    assert tied == [name == "full_sharing"] * 3
    if name == "full_sharing":
        assert value(result.arrays) == 13


@pytest.mark.parametrize(
    ("reward", "rewards"),
    [("individual", (1.0, -2.0, 3.0)), ("team", (0.0, 0.0, 0.0)), ("individual", (math.nan, 1, 1))],
)
def test_rewards_that_are_no_shares_weigh_alike(reward, rewards, caplog):
    _, strategy, result = run("rs_pps", 1, ToyAgents(rewards=rewards), reward=reward)
    assert strategy.record.weights == [1 / 3] * 3
    assert value(result.arrays) == 13
    assert "weights are uniform in this round" in caplog.text


def test_policy_returns_may_be_negative(caplog):
    _, strategy, _ = run("rs_pps", 1, ToyAgents(starts=(-1, 0, 0), gains=(0, 0.5, 0)), reward="policy", max_update=None)
    assert strategy.record.rewards == [-6, -3, -6]
    assert strategy.record.weights == pytest.approx(np.exp([-3, 0, -3]) / (1 + 2 * math.exp(-3)))
    assert not caplog.records


@pytest.mark.parametrize("name", ["a_pps", "rs_pps", "pp_pps", "full_sharing"])
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (2, 1, 0)])
def test_nobody_s_place_in_the_queue_counts(name, order):
    """Other nodes for the same agents, replies in another order: the same arrays, bit for bit."""
    numbers = {"starts": (0.1, 0.7, -0.3), "gains": (1 / 3, 1 / 7, 1 / 11), "rewards": (0.3, 0.1, 0.7)}
    _, strategy, expected = run(name, 3, ToyAgents(**numbers))

    def shuffled(_kind, _questions, replies):
        return [replies[k] for k in (1, 2, 0)]

    agents, other, result = run(name, 3, ToyAgents(**numbers, order=order, spoil=shuffled))
    for array in expected.arrays:
        assert result.arrays[array].data == expected.arrays[array].data
    assert list(other.record.weights) == list(strategy.record.weights)
    assert [agent for agent, _ in agents.asked(MessageType.TRAIN)[:3]] == list(order)


@pytest.mark.parametrize("name", ["a_pps", "rs_pps", "pp_pps", "full_sharing"])
def test_equal_agents_stay_as_they_are(name):
    """An average of equal networks is that network, bit for bit, whatever the weights."""
    rewards = (0.1, 0.3, 1.7)
    _, _, result = run(name, 1, ToyAgents(starts=(1 / 3,) * 3, gains=(0.1,) * 3, rewards=rewards), max_weight=0.6)
    own = np.float32(1 / 3) + np.float32(0.1)
    assert all((array.numpy() == own).all() for array in result.arrays.values())
    assert list(result.arrays)


def test_evaluation_around_aggregation():
    """Each round the team plays one and the same episodes twice: with nothing sent, and then with the aggregate."""
    agents, strategy = ToyAgents(), make_strategy("a_pps")
    strategy.evaluate_around = True
    heard = []
    strategy.evaluated_before = lambda: heard.append((strategy.record.number, strategy.record.won_before))
    result = federate(strategy, ToyGrid(agents), 2)
    assert heard == [(1, 0.75), (2, 0.75)]
    asked = [question.content for agent, question in agents.asked(MessageType.EVALUATE) if agent == 0]
    plans = [content.config_records[m.PLAN] for content in asked]
    assert [plan[m.INDEX] for plan in plans] == [m.OWN_NETWORKS, m.AGGREGATE] * 2
    assert [plan[m.FIRST_EPISODE] for plan in plans] == [0, 0, 4, 4]
    sent = [content.array_records[m.ARRAYS] for content in asked]
    assert [list(arrays) for arrays in sent] == [[], list(SHAPES)] * 2
    assert value(sent[3]) == value(result.arrays) == 16
    assert strategy.record.broken == 3


def test_evaluation_when_it_is_due():
    """Rounds of 40 environment steps, evaluated every 100: after 120, 240; and always at the run's end."""
    seen = {}
    agents, strategy = ToyAgents(), make_strategy("a_pps")

    def after_round(number, _arrays):
        seen[number] = strategy.record.evaluation

    grid = ToyGrid(agents)
    strategy.start(grid=grid, initial_arrays=joined(strategy, grid), num_rounds=7, evaluate_fn=after_round)
    assert [number for number, evaluation in seen.items() if evaluation] == [3, 6]
    assert seen[3] == {"test_battle_won_mean": 0.75, "test_ep_length_mean": 5.5}
    plans = [question.content.config_records[m.PLAN] for _, question in agents.asked(MessageType.EVALUATE)]
    assert {tuple(plan[m.PURPOSES]) for plan in plans} == {("evaluation",)}
    assert [plan[m.FIRST_EPISODE] for plan in plans] == [0, 0, 0, 4, 4, 4]
    assert EVALUATE_EVERY == 100
    strategy = make_strategy("a_pps")
    strategy.env_steps = STEPS_A_ROUND
    federate(strategy, ToyGrid(ToyAgents()), 1)
    assert strategy.record.evaluation == seen[3]


def test_a_round_is_told_as_it_was():
    agents, strategy, _ = run("rs_pps", 2)
    record = strategy.record
    assert (record.number, record.env_step, record.train_step, record.episode) == (2, 80, 8, 6)
    arrays = agents.asked(MessageType.TRAIN)[-1][1].content.array_records[m.ARRAYS]
    assert record.bytes_down == record.bytes_up == 3 * sum(len(array.data) for array in arrays.values())


def test_a_resumed_run_goes_on_counting():
    """Its first round is no start: everybody goes on from the aggregate, not from what it joined with."""
    agents, strategy = ToyAgents(), make_strategy("a_pps", common_start=False)
    strategy.first_round = 5
    aggregate = federate(make_strategy("a_pps"), ToyGrid(ToyAgents()), 1).arrays
    grid = ToyGrid(agents)
    joined(strategy, grid)
    strategy.start(grid=grid, initial_arrays=aggregate, num_rounds=2)
    plans = [question.content.config_records[m.PLAN][m.ROUND] for _, question in agents.asked(MessageType.TRAIN)]
    assert plans == [5, 5, 5, 6, 6, 6]
    assert value(agents.asked(MessageType.TRAIN)[2][1].content.array_records[m.ARRAYS]) == 13


def test_unknown_strategy_is_refused():
    settings = make_strategy("a_pps").settings
    settings.name = "fedprox"
    with pytest.raises(ConfigurationError, match=r"'fedprox'.*none, a_pps, rs_pps, pp_pps, full_sharing"):
        strategy_class(settings)
