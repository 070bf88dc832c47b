"""Aggregation of teams whose size varies, worked out by hand: agents begin at 10 and gain 1, 2, 6 in a round.

Of a round's 3 episodes, an agent counts by those in which it existed.
"""

from __future__ import annotations

import pytest

from fedqmix.runtime.core.errors import FederationError
from fedqmix.runtime.core.facts import Facts
from fedqmix.strategies import TeamStrategy
from fedqmix.strategies.absence import comparable_returns, playing
from fedqmix.strategies.known import training_counts
from support.toy_agents import ToyAgents, ToyGrid, federate, make_strategy


def run(name: str, agents: ToyAgents, rounds: int = 1, n_agents: int = 3, **changes) -> tuple[TeamStrategy, ToyAgents]:
    strategy = make_strategy(name, n_agents, **changes)
    federate(strategy, ToyGrid(agents), rounds)
    return strategy, agents


def begun(agents: ToyAgents) -> list[float]:
    """What the agents were sent to train, round by round."""
    questions = [question for _, question in agents.asked("train")]
    return [float(question.content.array_records["arrays"]["head.bias"].numpy()[0]) for question in questions]


def test_a_pps_weighs_by_the_episodes_played() -> None:
    """(3 x 11 + 1 x 12 + 2 x 16) / 6."""
    strategy, agents = run("a_pps", ToyAgents(played=(3, 1, 2)), 2)
    assert strategy.record.weights == pytest.approx([1 / 2, 1 / 6, 1 / 3])
    assert begun(agents) == pytest.approx([10, 10, 10, 77 / 6, 77 / 6, 77 / 6])


@pytest.mark.parametrize("name", ["a_pps", "rs_pps", "full_sharing", "clusters", "seps", "norm_clip"])
def test_agents_without_an_episode_have_no_weight_and_receive_the_aggregate(name: str) -> None:
    changes = {"clusters": [[0, 1, 2]]} if name in ("clusters", "seps") else {}
    strategy, agents = run(name, ToyAgents(rewards=(3, 3, 5), played=(3, 3, 0)), 2, clip_update=None, **changes)
    assert list(strategy.record.weights) == pytest.approx([1 / 2, 1 / 2, 0])
    assert begun(agents) == pytest.approx([10, 10, 10, 11.5, 11.5, 11.5])


def test_rs_pps_weighs_by_the_mean_of_the_episodes_played() -> None:
    """2 in each of 3 episodes, 4 in each of 1: shares of 1/3 and 2/3; the third agent existed in none."""
    strategy, _ = run("rs_pps", ToyAgents(rewards=(6, 4, 0), played=(3, 1, 0)))
    assert list(strategy.record.weights) == pytest.approx([1 / 3, 2 / 3, 0])
    assert list(strategy.record.rewards) == pytest.approx([6, 12, 0])  # as if every episode had been played


def test_an_absent_agent_alone_in_its_cluster_keeps_what_it_learned() -> None:
    agents = ToyAgents(played=(3, 3, 0))
    run("clusters", agents, 2, clusters=[[0, 1], [2]])
    assert begun(agents) == pytest.approx([10, 10, 10, 11.5, 11.5, 16])


def test_absent_agents_are_not_taken_for_dishonest_ones() -> None:
    """Median of five with one dishonest agent: with one absent, three honest ones are still needed."""
    agents = ToyAgents((10,) * 5, (1, 2, 6, 4, 5), (1,) * 5, range(5), played=(3, 3, 3, 3, 0))
    strategy, _ = run("median", agents, n_agents=5)
    assert strategy.dishonest == 1  # type: ignore[attr-defined]
    assert strategy.absent == (4,)
    few = ToyAgents(played=(3, 3, 0))
    with pytest.raises(FederationError, match=r"needs at least 3 agents .* existed in no episode"):
        run("median", few)


def test_whole_teams_are_weighed_as_before_bit_for_bit() -> None:
    for rewards in ((1, 3, 0), (0.1, 0.7, 0.3)):
        whole, counted = (run("rs_pps", ToyAgents(rewards=rewards, played=played))[0] for played in ((), (3, 3, 3)))
        assert list(whole.record.weights) == list(counted.record.weights)
        assert list(whole.record.rewards) == list(rewards)
    assert make_strategy("a_pps").weights([1, 2, 3]) == [1 / 3] * 3


def test_an_agent_with_a_wrong_number_of_episodes_is_refused() -> None:
    agents = ToyAgents(played=(3, 1, 2))
    facts = agents.facts
    agents.played = (3, 3, 3)  # what the agents say

    def counted():
        agents.played = (3, 1, 2)
        agents.known = agents._counted("train", {}, [])
        return facts()

    grid = ToyGrid(agents)
    strategy = make_strategy("a_pps")
    with pytest.raises(FederationError, match=r"agent 1 was refused.*reported num-examples=3; it is 1"):
        federate(strategy, grid, 1, counted)


def test_in_a_round_without_episodes_all_agents_count() -> None:
    nothing = training_counts(Facts({}), 3)
    assert playing([0, 2], nothing) == ([0, 2], ())
    assert comparable_returns([0, 2], nothing) == [0, 0]
