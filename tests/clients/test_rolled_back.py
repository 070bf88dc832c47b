"""A learner that goes back to an earlier state goes on from there as it did before."""

import numpy as np
import pytest
import torch

from fedqmix.clients.learning import train_step
from support.episodes import random_episode, store, without_kernels
from support.toy_team import algorithm, make_team
from support.toy_world import toy_spec

SPEC = toy_spec()
MIXER = "mixer/"


def state_of(team):
    named = team.agents.state() | {MIXER + name: value for name, value in team.learner.state().items()}
    return {name: value.detach().clone() for name, value in named.items()}


def go_back(team, state):
    team.agents.load_state({name: value for name, value in state.items() if not name.startswith(MIXER)})
    team.learner.load_state({name.removeprefix(MIXER): value for name, value in state.items() if MIXER in name})


@pytest.mark.parametrize("back_to", [0, 2])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("method", ["qmix", "vdn"])
def test_steps_that_were_taken_back_leave_no_trace(method, compiled, back_to):
    """A state from before the first step holds no moments of Adam."""
    team = make_team(algorithm(name=method), SPEC)
    if not compiled:
        without_kernels(team.agents, team.learner)
    random = np.random.default_rng(4)
    store([random_episode(random, SPEC, length, True) for length in (3, 7, 5, 4, 6)], team.agents, team.learner)
    states = [state_of(team)]
    for _ in range(4):
        train_step(team.agents, team.learner)
        states.append(state_of(team))
    go_back(team, states[back_to])
    for expected in states[back_to:]:
        found = state_of(team)
        assert found.keys() == expected.keys()
        assert all(torch.equal(value, expected[name]) for name, value in found.items())
        train_step(team.agents, team.learner)
