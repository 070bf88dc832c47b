"""What lessens the cost of averaging: a stack of N is N stacks of one, bit for bit, over whole federated rounds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.answers import answer
from fedqmix.runtime.core.facts import Facts
from fedqmix.runtime.core.tally import TalliedWorld
from fedqmix.server.team_learner import TeamLearner
from fedqmix.server.team_records import TeamRecords
from fedqmix.strategies import strategy_class
from fedqmix.strategies.local_grid import LocalGrid
from support.barrier import Barrier, OneAgentsMixer, OneAgentsWorld
from support.elsewhere import ELSEWHERE, pretended
from support.toy_agents import federate
from support.toy_team import CPU, MODEL, ToyTeam, algorithm, make_agents, make_learner, make_team, strategy_settings
from support.toy_world import ToyWorld, toy_spec

SPEC = toy_spec()
SETTINGS = {"learning_rate": 0.02, "parallel_episodes": 4, "grad_norm_clip": 0.5}
NEVER = 10**6
OPTIONS = [
    ("a_pps", {"proximal_mu": 0.37}),
    ("pp_pps", {"proximal_mu": 0.37, "common_start": False}),
    ("rs_pps", {"adam_moments": "average"}),
    ("pp_pps", {"adam_moments": "reset"}),
    ("rs_pps", {"share_targets": True}),
    ("a_pps", {"server_optimiser": "momentum"}),
    ("rs_pps", {"server_optimiser": "adam"}),
    (
        "pp_pps",
        {"server_optimiser": "adam", "adam_moments": "average", "share_targets": True, "proximal_mu": 0.37},
    ),
]


def federated(name, changes, answers, facts):
    settings = strategy_settings(name, **changes)
    strategy = strategy_class(settings)(settings, SPEC.n_agents, NEVER, evaluate_every=40, evaluate_episodes=3)
    return strategy, federate(strategy, LocalGrid(SPEC.n_agents, answers), 4, facts)


def in_one_stack(name, changes):
    team = make_team(algorithm(**SETTINGS), SPEC)
    outcome = federated(name, changes, team.answer, team.facts)
    return team.agents.state(), team.learner.state(), *outcome


def each_alone(name, changes):
    learner = make_learner(SPEC, algorithm(**SETTINGS))
    world, meeting = TalliedWorld(ToyWorld(SPEC, 5, learner.records)), Barrier(SPEC.n_agents)
    stacks = [make_agents((agent,), SPEC, algorithm(**SETTINGS)) for agent in range(SPEC.n_agents)]

    def answer_alone(agent, question):
        own_world, own_mixer = OneAgentsWorld(world, meeting, agent), OneAgentsMixer(learner, meeting, agent)
        return answer(stacks[agent], own_world, own_mixer, [question])[0]

    with ThreadPoolExecutor(SPEC.n_agents) as pool:

        def answers(questions):
            world.forget()
            return list(pool.map(answer_alone, range(SPEC.n_agents), questions))

        outcome = federated(name, changes, answers, lambda: Facts(world.counted(), learner.learned()))
    return [stack.state() for stack in stacks], learner.state(), *outcome


def placed(place):
    """A team whose networks and mixer are computed on a device."""
    settings = algorithm(**SETTINGS)
    learner = TeamLearner(SPEC, settings, TeamRecords(SPEC, settings.buffer_size, place), 5, place)
    agents = AgentStack(tuple(range(SPEC.n_agents)), SPEC, MODEL, settings, 5, place)
    return ToyTeam(agents, TalliedWorld(ToyWorld(SPEC, 5, learner.records)), learner)


@pytest.mark.parametrize("moments", ["average", "reset"])
def test_other_devices_compute_the_same(moments, monkeypatch):
    """Without kernels, on a device that is not there: Adam's moments are torch's, and numbers round otherwise."""
    changes = {"adam_moments": moments, "share_targets": True, "proximal_mu": 0.37}
    found = {}

    def train(place):
        team = placed(place)
        federated("pp_pps", changes, team.answer, team.facts)
        found[place] = {name: value.detach().cpu().clone() for name, value in team.agents.state().items()}

    train(CPU)
    with pretended(monkeypatch):
        train(ELSEWHERE)
    assert found[CPU].keys() == found[ELSEWHERE].keys()
    for name, value in found[CPU].items():
        torch.testing.assert_close(found[ELSEWHERE][name], value, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize(("name", "changes"), OPTIONS, ids=[f"{name}-{'-'.join(one)}" for name, one in OPTIONS])
def test_n_stacks_of_one_are_a_stack_of_n(name, changes):
    whole, mixer, strategy, result = in_one_stack(name, changes)
    apart, own_mixer, own_strategy, own_result = each_alone(name, changes)
    for agent, state in enumerate(apart):
        for key, value in state.items():
            row = whole[key] if key == "counters" or "adam.step." in key else whole[key][agent : agent + 1]
            assert torch.equal(value, row), f"{key} of agent {agent}"
    assert all(torch.equal(value, mixer[key]) for key, value in own_mixer.items())
    assert strategy.state().keys() == own_strategy.state().keys()
    assert all(np.array_equal(value, own_strategy.state()[key]) for key, value in strategy.state().items())
    assert all(array.data == own_result.arrays[key].data for key, array in result.arrays.items())
    plain, *_ = in_one_stack(name, {key: value for key, value in changes.items() if key == "common_start"})
    assert not torch.equal(plain["online.head.weight"], whole["online.head.weight"]), "the option changes nothing"
