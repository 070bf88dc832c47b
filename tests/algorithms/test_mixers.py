"""More of any agent's Q is never less of the team's: Q_total is monotone, whatever the state and the weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.algorithms import find_algorithm, make_team_half
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec
from support.toy_team import algorithm, make_learner
from support.toy_world import toy_spec


def make_mixer(settings, spec, seed):
    return make_team_half(find_algorithm(settings), settings, spec, seed).mixer


METHODS = st.sampled_from([("vdn", 1), ("qmix", 1), ("qmix", 2)])


def random_mixer(method, agents, seed):
    """A mixer with weights far from its first ones, a state and Q-values, all of some size."""
    name, layers = method
    random = np.random.default_rng(seed)
    spec = TeamSpec("", agents, 3, Flat(3), Flat(4), 5)
    mixer = make_mixer(algorithm(name=name, hypernetwork_layers=layers), spec, seed).double()
    for parameter in mixer.parameters():
        parameter.data = torch.from_numpy(random.standard_normal(parameter.shape) * random.choice([0.1, 1.0, 5.0]))
    q = torch.from_numpy(random.standard_normal((agents, 6)) * random.choice([0.1, 1.0, 20.0]))
    return mixer, q, torch.from_numpy(random.standard_normal((6, 4)))


@given(METHODS, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_gradient_is_never_negative(method, agents, seed):
    mixer, q, state = random_mixer(method, agents, seed)
    q.requires_grad_()
    mixer(q, state).sum().backward()
    assert (q.grad >= 0).all()
    assert (q.grad > 0).any()


@given(METHODS, st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(1e-6, 100), st.data())
def test_raising_an_agents_q_never_lowers_the_teams(method, agents, seed, more, data):
    mixer, q, state = random_mixer(method, agents, seed)
    raised = q.clone()
    raised[data.draw(st.integers(0, agents - 1))] += more
    before, after = mixer(q, state), mixer(raised, state)
    assert (after >= before - 1e-12 * before.abs()).all()


def test_weights_must_be_made_non_negative():
    """The first weights of the hypernetworks have both signs, so that monotone mixing is not for free."""
    mixer = make_mixer(algorithm(hypernetwork_layers=1), toy_spec(), 3)
    assert (mixer.weight_1.weight < 0).any()
    assert (mixer.weight_2.weight < 0).any()


def test_value_of_a_hand_written_qmix():
    """|-2| * 3 + 1 = 7 inside; elu(7) * |-0.5| + v, v = 4 * relu(1) - 1."""
    mixer = make_mixer(algorithm(hypernetwork_layers=1, mixing_embed=1), TeamSpec("", 1, 2, Flat(2), Flat(1), 5), 3)
    values = {
        "weight_1.weight": [[-2.0]],
        "weight_1.bias": [0.0],
        "bias_1.weight": [[1.0]],
        "bias_1.bias": [0.0],
        "weight_2.weight": [[-0.5]],
        "weight_2.bias": [0.0],
        "value.0.weight": [[1.0]],
        "value.0.bias": [0.0],
        "value.2.weight": [[4.0]],
        "value.2.bias": [-1.0],
    }
    mixer.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    assert mixer(torch.tensor([[3.0]]), torch.tensor([[1.0]])).item() == pytest.approx(7 * 0.5 + 3)
    negative = mixer(torch.tensor([[-3.0]]), torch.tensor([[1.0]])).item()
    assert negative == pytest.approx((np.exp(-5.0) - 1) * 0.5 + 3)


def test_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    drawn_before = torch.rand(())
    torch.manual_seed(1)
    one, again, other = (make_learner(toy_spec(), algorithm(), seed).half.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    assert torch.rand(()) == drawn_before  # and nobody else's draws change


def test_unknown_mixer_is_refused():
    with pytest.raises(ConfigurationError, match=r"'coma'.*iql, vdn, qmix"):
        make_mixer(replace(algorithm(), name="coma"), toy_spec(), 3)
