"""A stack of N is N stacks of one: the same draws, the same episodes, the same networks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fedqmix.clients.agents import AgentStack
from fedqmix.clients.rounds import RoundPlan, evaluate, train_round
from fedqmix.conf.schema import ON_POLICY, ModelConfig
from fedqmix.envs import make_world, team_spec
from fedqmix.runtime.kernels.thread_pool import ThreadPool
from support.barrier import Barrier, OneAgentsMixer, OneAgentsWorld
from support.toy_team import CPU, ToyTeam, algorithm, make_agents, make_learner, make_team
from support.toy_world import ToyWorld, toy_spec
from support.worlds import SMAC_DEFAULTS

SPEC = toy_spec()
FOREVER = 10**9


def in_one_stack(settings, plans, varies=False):
    return lived(make_team(settings, SPEC, varies=varies), plans)


def lived(team, plans):
    outcomes = [train_round(team.agents, team.world, team.learner, plan) for plan in plans]
    played = evaluate(team.agents, team.world, 0, 4)
    return team, outcomes, played


def each_alone(settings, plans, varies=False):
    learner = make_learner(SPEC, settings)
    stacks = [make_agents((agent,), SPEC, settings) for agent in range(SPEC.n_agents)]
    return stacks, learner, lived_apart(stacks, ToyWorld(SPEC, 5, learner.records, varies), learner, plans)


def lived_apart(stacks, world, learner, plans):
    meeting = Barrier(len(stacks))

    def live(agent):
        own_world, own_mixer = OneAgentsWorld(world, meeting, agent), OneAgentsMixer(learner, meeting, agent)
        outcomes = [train_round(stacks[agent], own_world, own_mixer, plan) for plan in plans]
        return outcomes, evaluate(stacks[agent], own_world, 0, 4)

    with ThreadPoolExecutor(len(stacks)) as pool:
        return list(pool.map(live, range(len(stacks))))


@pytest.mark.parametrize(
    ("method", "tied", "coin", "reward"),
    [
        ("iql", True, "agent", "team"),
        ("iql", True, "agent", "individual"),
        ("iql", False, "team", "individual"),
        ("vdn", False, "team", "team"),
        ("qmix", True, "team", "team"),
        ("qmix", False, "agent", "team"),
        ("qplex", False, "agent", "team"),
        ("qtran", False, "agent", "team"),
        ("qtran", True, "agent", "team"),
        ("refil", False, "agent", "team"),
        ("refil", True, "team", "team"),
        ("flex_qmix", False, "agent", "team"),
        ("transf_qmix", False, "agent", "team"),
        ("transf_state", True, "agent", "team"),
        ("ippo", False, "agent", "team"),
        ("ippo", False, "agent", "individual"),
        ("mappo", True, "agent", "team"),
    ],
)
@pytest.mark.parametrize("varies", [False, True], ids=["whole", "varying"])
def test_n_stacks_of_one_are_a_stack_of_n(method, tied, coin, reward, varies):
    newest = {"batch_size": 3, "buffer_size": 3, "epsilon_finish": 1.0} if method in ON_POLICY else {}
    settings = algorithm(name=method, exploration_draws=coin, reward=reward, **newest)
    plans = [RoundPlan(5, FOREVER, tied), RoundPlan(4, FOREVER, tied)]
    team, outcomes, played = in_one_stack(settings, plans, varies)
    stacks, learner, lives = each_alone(settings, plans, varies)
    assert any(bool((outcome.played < outcome.episodes).any()) for outcome in outcomes) is varies
    assert team.agents.train_steps == 9
    same(team, outcomes, played, stacks, learner, lives)


def same(team, outcomes, played, stacks, learner, lives):
    whole = team.agents.state()
    for agent, (stack, (own_outcomes, own_played)) in enumerate(zip(stacks, lives, strict=True)):
        for one, other in zip(own_outcomes, outcomes, strict=True):
            assert one.individual_returns[0] == other.individual_returns[agent]
        own_episodes, episodes = stack.ring.packed(0), team.agents.ring.packed(0)
        assert torch.equal(own_episodes["lengths"], episodes["lengths"])
        assert {"observations", "available_actions", "actions"} <= set(own_episodes)
        for field in stack.ring.fields:
            assert torch.equal(own_episodes[field][0], episodes[field][agent]), f"{field} of agent {agent}"
        assert own_played.individual_returns[0] == played.individual_returns[agent]
        assert np.array_equal(own_played.lengths, played.lengths)
        for name, value in stack.state().items():
            row = whole[name] if name == "counters" or "adam.step." in name else whole[name][agent : agent + 1]
            assert torch.equal(value, row), f"{name} of agent {agent}"
    state = team.learner.state()
    for name, value in learner.state().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize(("map", "threads"), [("3m", 2), ("10m_vs_11m", 1)])
def test_real_networks_stay_the_same_for_many_steps(map, threads, monkeypatch):
    """Enough steps for one unit in the last place to decide an action, and for the target networks to be copied."""
    monkeypatch.setattr(ThreadPool, "usual", threads)
    spec, steps = team_spec(map, SMAC_DEFAULTS), 60 if map == "3m" else 12
    settings = algorithm(
        batch_size=40, buffer_size=60, parallel_episodes=20, mixing_embed=32, hypernetwork_hidden=64,
        target_update_interval=5, target_update_rate=0.3, learning_rate=0.002,
    )  # fmt: skip
    plans = [RoundPlan(steps, FOREVER, False)]
    learners = [make_learner(spec, settings) for _ in range(2)]
    worlds = [make_world(map, 5, SMAC_DEFAULTS, learner.records) for learner in learners]
    model = ModelConfig(name="gru", hidden=64, initialisation="uniform", agent_id=True, last_action=True)
    agents, *stacks = [
        AgentStack(ids, spec, model, settings, 5, CPU)
        for ids in (tuple(range(spec.n_agents)), *((agent,) for agent in range(spec.n_agents)))
    ]
    whole = lived(ToyTeam(agents, worlds[0], learners[0]), plans)
    same(*whole, stacks, learners[1], lived_apart(stacks, worlds[1], learners[1], plans))


@pytest.mark.parametrize("initialisation", ["orthogonal", "uniform"])
def test_first_parameters_are_an_agents_own(initialisation, monkeypatch):
    """They depend on (seed, agent) alone, and no two agents start alike."""
    monkeypatch.setattr("support.toy_team.MODEL.initialisation", initialisation)
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
