"""The arrays of a team in one mapping: one entry for agents that hold the same values."""

from __future__ import annotations

import pytest

from fedqmix.runtime.core.team_arrays import of_agent, plain_name, team_name

TEAM = {"fc.weight": 1, "agents-0-2-11.head.weight": 2, "agents-1.head.weight": 3, "agents-1.adam.exp_avg.fc.weight": 4}


@pytest.mark.parametrize(
    ("agents", "name"), [([0, 1, 2], "head.bias"), ([0, 2], "agents-0-2.head.bias"), ([1], "agents-1.head.bias")]
)
def test_a_name_lists_the_agents_unless_all_hold_the_array(agents, name):
    assert team_name("head.bias", agents, 3) == name
    assert plain_name(name) == "head.bias"


def test_an_agent_finds_its_own_arrays():
    assert of_agent(TEAM, 0) == {"fc.weight": 1, "head.weight": 2}
    assert of_agent(TEAM, 1) == {"fc.weight": 1, "head.weight": 3, "adam.exp_avg.fc.weight": 4}
    assert of_agent(TEAM, 11) == of_agent(TEAM, 2) == of_agent(TEAM, 0)


def test_all_agents_have_one_order_of_names_in_any_order_of_the_arrays():
    """A checkpoint sorts by name: agents-0-1.a, agents-0.b, agents-1-2.b, agents-2.a."""
    team = {"agents-0-1.a": 1, "agents-0.b": 2, "agents-1-2.b": 3, "agents-2.a": 4}
    assert [list(of_agent(team, agent)) for agent in range(3)] == [["a", "b"]] * 3


def test_a_parameter_may_have_a_name_that_is_nearly_one_of_some_agents():
    names = ["agents-.a", "agents-0-.a", "agents.0.a", "agents-1", "my.agents-1.a"]
    assert [plain_name(name) for name in names] == names
