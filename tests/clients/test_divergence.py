"""Whatever is not finite stops the training at once, with its place and step, and no network is changed."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, collect, evaluate, train_round
from fedqmix.runtime.core.errors import DivergenceError
from support.toy_team import algorithm, make_team

NOT_FINITE = pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])


@pytest.fixture
def team():
    """A team that has played and learned a little."""
    team = make_team(algorithm(parallel_episodes=4))
    train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, False))
    return team


def networks(team):
    state = team.agents.state() | {f"mixer side: {n}": v for n, v in team.learner.state().items()}
    return {name: value.clone() for name, value in state.items() if "sums" not in name}


def stopped(team, action, place, step):
    """Run the action; it must stop as described and leave every network as it was."""
    before = networks(team)
    with pytest.raises(DivergenceError) as caught:
        action()
    assert caught.value.place == place
    assert caught.value.step == step
    assert place in str(caught.value)
    assert step in str(caught.value)
    after = networks(team)
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert torch.equal(after[name].nan_to_num(), value.nan_to_num()), name


class Poisoned:
    """A world in which one number of the second step is not finite."""

    def __init__(self, world, spoil):
        self.world, self.spoil, self.steps = world._world, spoil, 0  # the toy world within the one that counts

    def begin(self, batch):
        return self.world.begin(batch)

    def step(self, actions):
        self.steps += 1
        if self.steps == 2:
            sink = self.world._sink
            record, self.world._sink = sink.record, self
            try:
                time_step = self.world.step(actions)
            finally:
                self.world._sink = sink
            team = self.world._team
            self.spoil(time_step, team)
            record(team)
            return time_step
        return self.world.step(actions)

    def record(self, time_step):
        pass


@NOT_FINITE
def test_individual_reward(team, bad):
    def spoil(time_step, _):
        time_step.individual_rewards[2, 1] = bad

    world, first_step = Poisoned(team.world, spoil), team.agents.env_steps
    with pytest.raises(DivergenceError) as caught:
        collect(team.agents, world)
    assert caught.value.place == "the individual reward of agent 2"
    assert caught.value.step.startswith("environment step ")
    assert first_step < int(caught.value.step.split()[-1]) <= first_step + 2 * 4


@NOT_FINITE
def test_team_reward(team, bad):
    def spoil(_, team_turn):
        team_turn.team_reward[3] = bad

    place = f"the team reward of training episode {team.agents.episodes + 3}"
    stopped(
        team, lambda: collect(team.agents, Poisoned(team.world, spoil)), place, "environment step 2 of that episode"
    )


def test_global_state(team):
    def spoil(_, team_turn):
        team_turn.state[0, 1] = np.nan

    stopped(
        team,
        lambda: evaluate(team.agents, Poisoned(team.world, spoil), 7, 2),
        "the global state of evaluation episode 7",
        "environment step 2 of that episode",
    )


def test_q_value_while_acting(team):
    team.agents.online["head.bias"].data[1, 2] = np.nan
    stopped(team, lambda: collect(team.agents, team.world), "a Q-value while acting", "training step 3")


@pytest.mark.parametrize("networks_of", ["online", "target"])
def test_q_value_while_learning(team, networks_of):
    getattr(team.agents, networks_of)["head.bias"].data[1] = np.nan
    place = "a Q-value that agent 1 sent to the mixer"
    stopped(team, lambda: train_step(team.agents, team.learner), place, "training step 4")


def test_loss(team):
    team.learner.half.mixer.value[2].bias.data[:] = np.nan
    stopped(team, lambda: train_step(team.agents, team.learner), "the team's loss", "training step 4")


@pytest.mark.parametrize(("name", "row"), [("qtran", "encoding_taken"), ("transf_qmix", "embedding")])
def test_a_loss_of_values_without_a_bound_names_their_sender(name, row, monkeypatch):
    team = make_team(algorithm(name, parallel_episodes=4))
    train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, False))
    exchange = team.learner.exchange

    def spoiled(rows):
        sent = {name: value.clone() for name, value in rows.items()}
        sent[row][1] = 3e38
        return exchange(sent)

    monkeypatch.setattr(team.learner, "exchange", spoiled)
    place = f"the team's loss (the largest value without a bound is 3e+38, of {row} from agent 1)"
    stopped(team, lambda: train_step(team.agents, team.learner), place, "training step 4")


class Spoiling:
    """A mixer whose answer about one agent's Q-value is not finite."""

    def __init__(self, learner, row, bad):
        self.learner, self.row, self.bad = learner, row, bad

    def __getattr__(self, name):
        return getattr(self.learner, name)

    def exchange(self, rows):
        gradient = self.learner.exchange(rows)["q_taken"].clone()
        gradient[self.row, 0] = self.bad
        return {"q_taken": gradient}


@NOT_FINITE
@pytest.mark.parametrize("agent", [0, 2])
def test_gradient_of_an_agent(team, agent, bad):
    stopped(
        team,
        lambda: train_step(team.agents, Spoiling(team.learner, agent, bad)),
        f"the gradient of fc.weight of agent {agent}",
        "training step 4",
    )


def test_gradient_of_one_parameter_is_named(team, monkeypatch):
    state, squared_norms = team.agents.train_state, team.agents.train_state.squared_norms

    def spoilt_norms():
        team.agents.online["gru.bias_hh"].grad[1] = np.nan
        return squared_norms()

    monkeypatch.setattr(state, "squared_norms", spoilt_norms)
    stopped(
        team,
        lambda: train_step(team.agents, team.learner),
        "the gradient of gru.bias_hh of agent 1",
        "training step 4",
    )


def test_gradient_of_the_mixer(team, monkeypatch):
    learn = team.learner.training.learn

    def overflowing(*given):
        found = learn(*given)
        team.learner.half.mixer.bias_1.weight.grad.mul_(np.inf)
        return found

    monkeypatch.setattr(team.learner.training, "learn", overflowing)
    stopped(team, lambda: train_step(team.agents, team.learner), "the mixer's gradient", "training step 4")
