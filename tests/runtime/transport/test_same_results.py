"""Agents that reach world and mixer over gRPC learn what a stack of all agents learns beside them."""

import pytest
import torch

from fedqmix.clients.rounds import RoundPlan, evaluate, train_round
from fedqmix.runtime.core.attempt import Attempt
from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.core.world import Purpose
from support.certified import authority, certified
from support.federation import ATTEMPT, SPEC, federation, same_parameters, together
from support.toy_team import algorithm, make_team

pytestmark = pytest.mark.usefixtures("both_transports")

FOREVER = 10**9
EPISODE_MEANS = ("battle_won_mean", "return_mean", "ep_length_mean")
PLANS = [RoundPlan(5, FOREVER, False), RoundPlan(4, FOREVER, False)]


def in_one_stack(settings, plans, varies=False):
    team = make_team(settings, SPEC, varies=varies)
    outcomes = [train_round(team.agents, team.world, team.learner, plan) for plan in plans]
    return team, outcomes, evaluate(team.agents, team.world, 0, 4)


@pytest.mark.parametrize(
    ("method", "tied", "reward", "varies"),
    [
        ("iql", False, "team", False),
        ("iql", False, "individual", False),
        ("iql", True, "individual", False),
        ("iql", False, "individual", True),
        ("vdn", True, "team", False),
        ("qmix", False, "team", False),
        ("qmix", True, "team", False),
        ("qmix", False, "team", True),
        ("qmix", True, "team", True),
    ],
)
def test_the_same_parameters_over_grpc(method, tied, reward, varies):
    settings = algorithm(name=method, reward=reward)
    plans = [RoundPlan(plan.training_steps, FOREVER, tied) for plan in PLANS]
    team, outcomes, played = in_one_stack(settings, plans, varies)
    expected = team.learner.episode_means()
    with federation(settings=settings, varies=varies) as fed:
        stacks, rounds, trained = fed.stacks(), [], []
        for number, plan in enumerate(plans, 1):
            attempt = Attempt("a run", number, 2 * number)
            fed.open(attempt)

            def train(agent, attempt=attempt, plan=plan):
                world, mixer = fed.remote(agent, attempt)
                outcome = train_round(stacks[agent], world, mixer, plan)
                mixer.finish()
                return outcome

            rounds.append(together(train))
            trained.append((number, fed.controls()[1].facts(attempt), fed.controls()[0].facts(attempt)))
        showing = Attempt("a run", 2, 9)
        fed.open(showing, "evaluate")
        shown = together(lambda agent: evaluate(stacks[agent], fed.remote(agent, showing)[0], 0, 4))
        evaluated = fed.controls()[1].facts(showing).counted
        so_far = fed.controls()[0].episode_means("a run", 2)
        report, returns = fed.controls()[0].report("a run", 2)
    for agent in range(SPEC.n_agents):
        assert [r[agent].individual_returns[0] for r in rounds] == [o.individual_returns[agent] for o in outcomes]
        assert (
            shown[agent].individual_returns[0]
            == played.individual_returns[agent]
            == evaluated[Purpose.EVALUATION].individual_returns[agent]
        )
    assert_known(trained, rounds, stacks)
    assert list(evaluated) == [Purpose.EVALUATION]
    of_evaluation = evaluated[Purpose.EVALUATION]
    assert of_evaluation.win_rate == float(played.won.mean())
    assert of_evaluation.mean_length == float(played.lengths.mean())
    same_parameters(stacks, fed.sides[0].learner, team)
    assert returns == {"evaluation": team.learner.evaluation_return()}
    assert report == pytest.approx(team.learner.report(), rel=1e-5)
    of_rows = {"loss", "td_error_abs"} if reward == "team" else set()
    assert report.keys() == {*of_rows, "grad_norm", *EPISODE_MEANS}
    assert {name: report[name] for name in EPISODE_MEANS} == so_far == expected
    assert sorted(fed.checkpoints) == [0, 1, 2]


def assert_known(trained, rounds, stacks):
    """What world and mixer know of every round is what the agents say, bit for bit."""
    env_steps = episodes = steps = 0
    for (number, of_world, of_mixer), outcomes in zip(trained, rounds, strict=True):
        counted, learned = of_world.counted[Purpose.TRAINING], of_mixer.learned
        assert list(counted.individual_returns) == [outcome.individual_returns[0] for outcome in outcomes]
        assert counted.episodes == outcomes[0].episodes
        assert list(counted.played_by_agent) == [int(outcome.played[0]) for outcome in outcomes]
        env_steps += counted.env_steps
        episodes, steps = episodes + outcomes[0].episodes, steps + outcomes[0].training_steps
        assert (learned.episodes, learned.train_steps, learned.faults) == (episodes, steps, {}), number
        assert of_world.learned is None
    assert env_steps == stacks[0].env_steps


@pytest.mark.parametrize("which", ["world", "mixer"])
def test_facts_of_an_attempt_that_is_not_open_are_not_made_up(which):
    with federation() as fed:
        fed.open()
        control = dict(zip(("mixer", "world"), fed.controls(), strict=True))[which]
        with pytest.raises(AttemptError, match=f"The {which} has forgotten attempt 7 of round 1"):
            control.facts(Attempt(ATTEMPT.run, 1, 7))


def test_only_the_server_is_told_facts(tmp_path):
    by = authority(tmp_path / "authority")
    parties = ["world", "mixer", "superlink", "agent-0"]
    with federation(certificates={party: certified(by, tmp_path, party) for party in parties}) as fed:
        fed.open()
        with pytest.raises(RefusedError, match="This is for superlink to say"):
            fed.controls("agent-0")[0].facts(ATTEMPT)


def test_the_report_is_of_one_round_and_can_be_asked_for_again():
    team, *_ = in_one_stack(algorithm(), PLANS[:1])
    with federation() as fed:
        fed.open()
        stacks = fed.stacks()

        def train(agent):
            world, mixer = fed.remote(agent)
            train_round(stacks[agent], world, mixer, PLANS[0])
            mixer.finish()

        together(train)
        control = fed.controls()[0]
        first, again = control.report(ATTEMPT.run, 1), control.report(ATTEMPT.run, 1)
        assert control.episode_means(ATTEMPT.run, 1) == {}  # a new account
    expected = team.learner.report()
    assert first == again
    assert first[1] == {}  # no evaluation yet
    assert first[0] == pytest.approx(expected, rel=1e-5)
    assert torch.isfinite(torch.tensor(list(expected.values()))).all()
