"""A stack of N is N stacks of one: the same draws, the same battles, the same networks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from meeting import Meeting, OneAgentsMixer, OneAgentsWorld
from toy_team import algorithm, make_agents, make_learner, make_team
from toy_world import ToyWorld, toy_spec

from clients.rounds import RoundPlan, evaluate, train_round

SPEC = toy_spec()
FOREVER = 10**9


def in_one_stack(settings, plans):
    team = make_team(settings, SPEC)
    outcomes = [train_round(team.agents, team.world, team.learner, plan) for plan in plans]
    played = evaluate(team.agents, team.world, 0, 4)
    return team, outcomes, played


def each_alone(settings, plans):
    learner = make_learner(SPEC, settings)
    world, meeting = ToyWorld(SPEC, 5, learner.records), Meeting(SPEC.n_agents)
    stacks = [make_agents((agent,), SPEC, settings) for agent in range(SPEC.n_agents)]

    def live(agent):
        own_world, own_mixer = OneAgentsWorld(world, meeting, agent), OneAgentsMixer(learner, meeting, agent)
        outcomes = [train_round(stacks[agent], own_world, own_mixer, plan) for plan in plans]
        return outcomes, evaluate(stacks[agent], own_world, 0, 4)

    with ThreadPoolExecutor(SPEC.n_agents) as pool:
        lives = list(pool.map(live, range(SPEC.n_agents)))
    return stacks, learner, lives


@pytest.mark.parametrize(
    ("method", "tied", "coin"),
    [("iql", True, "agent"), ("vdn", False, "team"), ("qmix", True, "team"), ("qmix", False, "agent")],
)
def test_n_stacks_of_one_are_a_stack_of_n(method, tied, coin):
    settings = algorithm(name=method, exploration_coin=coin)
    plans = [RoundPlan(5, FOREVER, tied), RoundPlan(4, FOREVER, tied)]
    team, outcomes, played = in_one_stack(settings, plans)
    stacks, learner, lives = each_alone(settings, plans)
    for agent, (stack, (own_outcomes, own_played)) in enumerate(zip(stacks, lives, strict=True)):
        assert stack.env_steps == team.agents.env_steps
        assert stack.train_steps == team.agents.train_steps == 9
        assert stack.episodes == team.agents.episodes
        for one, other in zip(own_outcomes, outcomes, strict=True):
            assert one.earned[0] == other.earned[agent]
        own, whole = stack.ring.packed(0), team.agents.ring.packed(0)
        assert torch.equal(own["lengths"], whole["lengths"])
        for field in ("observations", "available_actions", "actions"):
            assert torch.equal(own[field][0], whole[field][agent]), f"{field} of agent {agent}"
        assert own_played.earned[0] == played.earned[agent]
        assert np.array_equal(own_played.lengths, played.lengths)
        for name, value in stack.online.items():
            assert torch.equal(value[0], team.agents.online[name][agent]), name
            assert torch.equal(stack.target[name][0], team.agents.target[name][agent]), name
    state = team.learner.state()
    for name, value in learner.state().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize("initialisation", ["orthogonal", "uniform"])
def test_first_parameters_are_an_agents_own(initialisation, monkeypatch):
    """They depend on (seed, agent) alone, and no two agents start alike."""
    monkeypatch.setattr("toy_team.MODEL.initialisation", initialisation)
    settings = algorithm()
    whole = make_agents((0, 1, 2), SPEC, settings)
    for agent in range(3):
        alone = make_agents((agent,), SPEC, settings)
        assert all(torch.equal(alone.online[name][0], value[agent]) for name, value in whole.online.items())
    for name, value in whole.online.items():
        if name.endswith("weight"):
            assert not torch.equal(value[0], value[1])
    other = make_agents((0, 1, 2), SPEC, settings, seed=6)
    assert not torch.equal(other.online["fc.weight"], whole.online["fc.weight"])
