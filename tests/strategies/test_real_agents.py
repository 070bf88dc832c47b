"""Strategies over real agents: who shares what, and who stays apart."""

import pytest
import torch
from flwr.app import MessageType

from fedqmix.clients.answers import answer
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.local_grid import LocalGrid
from support.real_team import NEVER, TRAIN_PLAN, message, run
from support.toy_team import algorithm, make_team


def of_agent(team, agent, names=PARAMETER_NAMES):
    return {name: team.agents.online[name][agent].detach() for name in names}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_none_is_training_without_a_federation():
    team, *_ = run("none", 3)
    alone = make_team(team.agents.learning)
    for _ in range(3):
        train_round(alone.agents, alone.world, alone.learner, RoundPlan(4, 10**6, False))
    for name, value in alone.agents.state().items():
        assert torch.equal(team.agents.state()[name], value), name
    for name, value in alone.learner.state().items():
        assert torch.equal(team.learner.state()[name], value), name


def test_the_team_reward_makes_rs_pps_a_pps_bit_for_bit():
    team, strategy, *_ = run("rs_pps", 4, reward="team", max_weight=0.5)
    other, *_ = run("a_pps", 4)
    assert strategy.record.weights == [1 / 3] * 3
    for name, value in other.agents.state().items():
        assert torch.equal(team.agents.state()[name], value), name


def test_the_individual_reward_does_not():
    team, strategy, *_ = run("rs_pps", 4)
    other, *_ = run("a_pps", 4)
    assert max(strategy.record.weights) > 0.35
    assert not same(of_agent(team, 0), of_agent(other, 0))


@pytest.mark.parametrize("steps", [1, 2, 7], ids=lambda steps: f"{steps} steps in the round")
def test_full_sharing_is_one_network(steps):
    """Before any average: online, target and Adam's moments, before and after the first update of the targets.

    Adam's vectorised loop rounds an element by its place in memory, hence the tolerance.
    """
    team, *_ = run("full_sharing", 1, NEVER, aggregation_interval=steps)
    assert team.agents.train_steps == steps
    for name, value in team.agents.state().items():
        if name.startswith(("online.", "target.")) or (name.startswith("adam.") and value.ndim > 0):
            for agent in (1, 2):
                torch.testing.assert_close(value[agent], value[0], atol=1e-6, rtol=1e-4, msg=f"{name} of agent {agent}")
    apart, *_ = run("a_pps", 1, NEVER, aggregation_interval=steps)
    assert not torch.allclose(*apart.agents.online["head.weight"][:2], atol=1e-4, rtol=1e-4)


def test_averaging_only_confirms_full_sharing():
    team, _, _, result = run("full_sharing", 2, NEVER)
    for name, array in result.arrays.items():
        aggregate = torch.from_numpy(array.numpy().copy())
        torch.testing.assert_close(team.agents.online[name].detach(), aggregate.expand(3, *aggregate.shape))


def test_targets_begin_as_copies_of_the_common_start():
    """Later aggregates replace the online networks alone."""
    agents = make_team(algorithm()).agents
    common = {name: value[:1].detach().clone().expand_as(value) for name, value in agents.online.items()}
    agents.load(common)
    assert same(agents.target, common)
    agents.train_steps = 1
    agents.load({"head.bias": torch.ones_like(common["head.bias"])})
    assert same(agents.target, common)
    assert (agents.online["head.bias"] == 1).all()


def test_pp_pps_keeps_the_representation_apart():
    team, _, grid, result = run("pp_pps", 3, evaluate_every=1)
    assert list(result.arrays) == ["head.weight", "head.bias"]
    personal = [name for name in PARAMETER_NAMES if not name.startswith("head.")]
    assert not any(torch.equal(team.agents.online[name][0], team.agents.online[name][1]) for name in personal)
    assert grid.questions[-1].metadata.message_type == MessageType.EVALUATE  # which hands the aggregate back
    for agent in range(3):
        for name, array in result.arrays.items():
            assert torch.equal(team.agents.online[name][agent], torch.from_numpy(array.numpy().copy()))


def test_measuring_policies_changes_no_network_but_costs_episodes():
    team, strategy, grid, _ = run("rs_pps", 1, NEVER, reward="policy", policy_episodes=3)
    plain, *_ = run("a_pps", 1, NEVER)
    policies = [reply for reply in grid.replies if reply.metadata.message_type == m.POLICY]
    assert len(policies) == 3 * 3
    assert team.agents.env_steps > plain.agents.env_steps
    assert strategy.record.env_step == team.agents.env_steps
    individual_returns = [reply.content.metric_records[m.METRICS][m.ACCUMULATED_REWARD] for reply in policies]
    assert strategy.record.rewards == pytest.approx([sum(individual_returns[i : i + 3]) / 3 for i in (0, 3, 6)])
    for name, value in plain.agents.state().items():
        if name != "counters":
            assert torch.equal(team.agents.state()[name], value), f"{name} is not what training left"


EVALUATION_PLAN = {m.ROUND: 1, m.FIRST_EPISODE: 0, m.EPISODES: 2}


@pytest.mark.parametrize(
    ("kind", "plan", "arrays", "text"),
    [
        ("query.unheard_of", {}, {}, "agents do not know messages of type 'query.unheard_of'"),
        (MessageType.TRAIN, TRAIN_PLAN, {"fc.w": torch.ones(2)}, r"a parameter 'fc\.w'; they have fc\.weight"),
        (
            MessageType.TRAIN,
            TRAIN_PLAN,
            {"head.bias": torch.ones(2)},
            r"head\.bias of shape \(3, 2\), expected \(3, 5\)",
        ),
        (MessageType.TRAIN, TRAIN_PLAN, {"head.bias": torch.full((5,), torch.nan)}, "values that are not finite"),
        (
            MessageType.EVALUATE,
            EVALUATION_PLAN | {m.PURPOSES: ["training"]},
            {},
            r"varied-evaluation or evaluation, got \['t",
        ),
        (MessageType.EVALUATE, EVALUATION_PLAN | {m.PURPOSES: []}, {}, r"varied-evaluation or evaluation, got \[\]"),
        (MessageType.TRAIN, TRAIN_PLAN | {m.TRAINING_STEPS: 1.5}, {}, "training-steps must be a whole number, got 1.5"),
    ],
)
def test_messages_that_cannot_be_understood(kind, plan, arrays, text):
    team = make_team(algorithm())
    before = {name: value.clone() for name, value in team.agents.state().items()}
    questions = [message(kind, plan, arrays) for _ in range(3)]
    with pytest.raises(FederationError, match=text):
        answer(team.agents, team.world, team.learner, questions)
    assert all(torch.equal(value, before[name]) for name, value in team.agents.state().items())


def test_agents_of_a_team_must_be_asked_the_same():
    team = make_team(algorithm())
    grid = LocalGrid(3, lambda questions: answer(team.agents, team.world, team.learner, questions))

    def asked(training_steps, names):
        plan = TRAIN_PLAN | {m.TRAINING_STEPS: training_steps}
        return message(MessageType.TRAIN, plan, {name: torch.zeros(5) for name in names})

    with pytest.raises(FederationError, match="asked different things"):
        list(grid.push_messages([asked(steps, ["head.bias"]) for steps in (1, 1, 2)]))
    with pytest.raises(FederationError, match="sent different parameters"):
        list(grid.push_messages([asked(1, names) for names in ([], ["head.bias"], ["head.bias"])]))
    with pytest.raises(FederationError, match="3 agents were sent 2 messages"):
        list(grid.push_messages([asked(1, []) for _ in range(2)]))
