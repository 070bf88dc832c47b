"""One agent that sends far too much to the mixer is noted, and the others learn as if it had not."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.runtime.core.errors import DivergenceError
from support.episodes import without_kernels
from support.toy_team import algorithm, make_team
from support.toy_world import toy_spec

LIAR = 1
METHODS = pytest.mark.parametrize("method", ["iql", "vdn", "qmix"])


class Lying:
    """A mixer to which one agent's rows come changed."""

    def __init__(self, learner, agent=LIAR, **lies):
        self.learner, self.agent, self.lies = learner, agent, lies
        self.gradients, self.scales, self.sums = [], [], []

    def _lie(self, name, rows):
        if name not in self.lies:
            return rows
        rows = rows.clone()
        rows[self.agent] = self.lies[name]
        return rows

    def exchange(self, rows):
        found = self.learner.exchange({name: self._lie(name, row) for name, row in rows.items()})
        self.gradients.append(found["q_taken"].clone())
        return found

    def pool(self, gradients):
        self.sums.append(self.learner.pool(self._lie("row", gradients))[0].clone())
        return self.sums[-1].expand_as(gradients)

    def clip(self, squared_norms):
        self.scales.append(self.learner.clip(self._lie("squared_norm", squared_norms)))
        return self.scales[-1]


def played(n_agents=3, tie=False, **changes):
    """A team that has played and learned a little."""
    team = make_team(algorithm(parallel_episodes=4, **changes), toy_spec(n_agents=n_agents))
    train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, tie))
    team.learner.report()
    return team


def others(rows):
    return torch.cat([rows[:LIAR], rows[LIAR + 1 :]])


def one_fault(team, agent, *words):
    assert list(team.learner.faults) == [agent]
    sentence = team.learner.faults[agent]
    assert sentence.startswith("sent ")
    assert all(word in sentence for word in words), sentence


LIES = [
    {"q_taken": 1e6},
    {"q_next": 1e6},
    {"q_taken": 1e6, "q_next": -1e6},
    {"q_taken": -3e38},
    {"q_next": 3e38},
]


@METHODS
@pytest.mark.parametrize("lies", LIES, ids=str)
@pytest.mark.parametrize("compiled", [True, False])
def test_a_false_q_value_leaves_the_others_gradients_as_large_as_they_were(method, lies, compiled):
    sizes = []
    for told in ({}, lies):
        team = played(name=method)
        if not compiled:
            without_kernels(team.agents, team.learner)
        mixer = Lying(team.learner, **told)
        train_step(team.agents, mixer)
        sizes.append(float(others(mixer.gradients[0]).norm()))
    assert sizes[1] < 5 * sizes[0]
    name, value = next(iter(lies.items()))
    one_fault(team, LIAR, f"{name} up to {abs(value):.3g}", "at training step 4", "algorithm.max_q=1 ")


@METHODS
def test_a_team_with_a_liar_learns_on(method):
    losses = []
    for lies in ({}, {"q_taken": 1e6, "squared_norm": 1e20}):
        team = played(name=method)
        mixer = Lying(team.learner, **lies)
        for _ in range(30):
            train_step(team.agents, mixer)
        losses.append(team.learner.report()["loss"])
        assert all(torch.isfinite(value).all() for value in team.agents.online.values())
    assert losses[1] < 20 * losses[0]


@METHODS
@pytest.mark.parametrize("n_agents", [2, 3])
@pytest.mark.parametrize("squared", [1e20, 1e300])
def test_a_false_norm_does_not_shrink_the_others_steps(method, n_agents, squared):
    """They are shrunk: their own norms are above grad_norm_clip."""
    scales = []
    for lies in ({}, {"squared_norm": squared}):
        team = played(n_agents, name=method, grad_norm_clip=1e-3)
        mixer = Lying(team.learner, **lies)
        train_step(team.agents, mixer)
        scales += mixer.scales
    honest, found = scales
    assert honest < 1
    assert honest / 2 < found < 2 * honest
    one_fault(team, LIAR, f"norm {squared**0.5:.3g}", "training step 4", "algorithm.max_gradient=100 ")


@METHODS
@pytest.mark.parametrize("value", [1e6, 1e30], ids=["1e6", "more than float32 can square"])
def test_a_false_row_leaves_the_teams_sum_as_large_as_it_was(method, value):
    sizes = []
    for lies in ({}, {"row": value}):
        team = played(tie=True, name=method)
        mixer = Lying(team.learner, **lies)
        train_step(team.agents, mixer, tie_gradients=True)
        sizes.append(float(mixer.sums[0].norm()))
        assert all(torch.isfinite(value).all() for value in team.agents.online.values())
    assert sizes[0] / 5 < sizes[1] < 5 * sizes[0]
    one_fault(team, LIAR, "a gradient of norm", "training step 4", "the bound was ")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("q_taken", "a Q-value"),
        ("q_next", "a Q-value"),
        ("squared_norm", "a gradient norm"),
        ("row", "a gradient"),
    ],
)
def test_what_is_not_finite_names_the_agent(name, what, bad):
    team = played(tie=True)
    before = {key: value.clone() for key, value in team.learner.state().items() if "mixer." in key}
    with pytest.raises(DivergenceError) as caught:
        train_step(team.agents, Lying(team.learner, **{name: bad}), tie_gradients=True)
    assert caught.value.place == f"{what} that agent {LIAR} sent to the mixer"
    assert caught.value.step == "training step 4"
    after = team.learner.state()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_the_first_fault_is_kept_until_faults_are_forgotten():
    team = played()
    for value in (1e6, 1e7):
        train_step(team.agents, Lying(team.learner, q_taken=value))
    one_fault(team, LIAR, "1e+06", "training step 4")
    team.learner.forget_faults()
    assert team.learner.faults == {}
    train_step(team.agents, Lying(team.learner, agent=2, squared_norm=1e20))
    one_fault(team, 2, "1e+10", "training step 6")


def test_faults_of_steps_that_are_taken_back_are_forgotten():
    team = played()
    state = {name: value.clone() for name, value in team.learner.state().items()}
    train_step(team.agents, Lying(team.learner, q_taken=1e6))
    team.learner.load_state(state)
    assert team.learner.faults == {}


def test_every_liar_of_two_is_noted():
    team = played(n_agents=5)
    lying = Lying(team.learner, agent=[1, 3], q_taken=1e6)
    train_step(team.agents, lying)
    assert sorted(team.learner.faults) == [1, 3]


def test_without_bounds_everything_counts():
    team = played(max_q=None, max_gradient=None)
    mixer = Lying(team.learner, q_taken=1e6, squared_norm=1e20)
    train_step(team.agents, mixer)
    assert team.learner.faults == {}
    assert float(others(mixer.gradients[0]).norm()) > 1e3
    assert mixer.scales[0] < 1e-8
