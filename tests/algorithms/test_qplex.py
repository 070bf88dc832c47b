"""QPLEX: what its mixer promises of weights, advantages and greedy joint actions, and what the agents send for it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.algorithms import ALGORITHMS, make_team_half
from fedqmix.algorithms.base import TeamInputs, learn, target_of
from fedqmix.algorithms.qplex.mixer import QplexMixer
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.testing import AlgorithmContract
from support.toy_team import algorithm

AGENTS, ACTIONS, STATE = 3, 4, 5
SPEC = TeamSpec("by hand", AGENTS, ACTIONS, Flat(1), Flat(STATE), episode_limit=4)
QPLEX = ALGORITHMS["qplex"]


def random_mixer(seed: int, **changes) -> tuple[QplexMixer, np.random.Generator]:
    """A mixer in float64 with weights far from its first ones."""
    random = np.random.default_rng(seed)
    mixer = make_team_half(QPLEX, algorithm(name="qplex", **changes), SPEC, seed).mixer.double()
    for parameter in mixer.parameters():
        parameter.data = torch.from_numpy(random.standard_normal(parameter.shape) * random.choice([0.1, 1.0, 5.0]))
    return mixer, random


def taken(q: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    return q.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def test_parameters_of_the_released_settings_on_2s3z():
    """State 120, 5 agents of 11 actions, 4 heads of one layer, hidden width 64."""
    spec = TeamSpec("2s3z", 5, 11, Flat(80), Flat(120), episode_limit=120)
    settings = algorithm(name="qplex", attention_heads=4, attention_layers=1, hypernetwork_hidden=64)
    half = make_team_half(QPLEX, settings, spec, seed=1)
    assert sum(value.numel() for value in half.parameters()) == 22_562


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_the_gradient_of_an_agents_value_is_its_weight_and_positive(seed, layers):
    mixer, random = random_mixer(seed, attention_layers=layers)
    state = torch.from_numpy(random.standard_normal((6, STATE)))
    values = torch.from_numpy(random.standard_normal((AGENTS, 6, ACTIONS)) * 3)
    actions = torch.from_numpy(random.integers(0, ACTIONS, (AGENTS, 6)))
    q = taken(values, actions).requires_grad_()
    mixer(q, values.amax(-1), actions, state).sum().backward()
    weight = mixer.weight(state).abs() + 1e-10
    assert torch.equal(q.grad, weight.t())
    assert (q.grad > 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_the_greedy_joint_action_is_every_agents_own(seed, layers):
    """Individual-global-max: over all joint actions, Q_total is largest where each agent's value is."""
    mixer, random = random_mixer(seed, attention_layers=layers)
    joint = torch.tensor(list(product(range(ACTIONS), repeat=AGENTS))).t()  # [agents, joint actions]
    count = joint.shape[1]
    values = torch.from_numpy(random.standard_normal((AGENTS, 1, ACTIONS))).expand(-1, count, -1)
    state = torch.from_numpy(random.standard_normal((1, STATE))).expand(count, -1)
    total = mixer(taken(values, joint), values.amax(-1), joint, state).detach()[0]
    greedy = int((joint == values[:, :1].argmax(-1)).all(0).nonzero())
    assert total[greedy] >= total.max() - 1e-12 * total.abs().max()


def test_weights_of_1_for_all_advantages_leave_the_weighted_sum_of_values():
    mixer, random = random_mixer(3)
    state = torch.from_numpy(random.standard_normal((6, STATE)))
    values = torch.from_numpy(random.standard_normal((AGENTS, 6, ACTIONS)))
    actions = torch.from_numpy(random.integers(0, ACTIONS, (AGENTS, 6)))
    q = taken(values, actions)
    plain = ((mixer.weight(state).abs() + 1e-10) * q.t() + mixer.bias(state)).sum(1, keepdim=True).t()
    assert not torch.allclose(mixer(q, values.amax(-1), actions, state), plain)
    mixer.heads.forward = lambda actions, state: torch.ones(len(state), AGENTS, dtype=state.dtype)
    assert torch.equal(mixer(q, values.amax(-1), actions, state), plain)


def test_the_duelling_form_by_hand():
    """One head: Q_total = sum_i V_i~ + lambda_i A_i~, with numpy and the network's own parameters."""
    mixer, random = random_mixer(5, attention_heads=1, attention_layers=1)
    state = random.standard_normal((1, STATE))
    values, actions = random.standard_normal((AGENTS, ACTIONS)), [1, 3, 0]
    q, best = values[range(AGENTS), actions], values.max(1)
    own = {name: value.detach().numpy() for name, value in mixer.named_parameters()}

    def of(name: str, inputs: np.ndarray) -> np.ndarray:
        return own[f"{name}.weight"] @ inputs + own[f"{name}.bias"]

    def two(name: str) -> np.ndarray:
        return of(f"{name}.2", np.maximum(of(f"{name}.0", state[0]), 0))

    joint = np.concatenate([state[0], np.eye(ACTIONS)[actions].ravel()])
    weight, bias = np.abs(two("weight")) + 1e-10, two("bias")
    sigmoids = [
        1 / (1 + np.exp(-of(name, seen))) for name, seen in (("heads.agents.0", state[0]), ("heads.actions.0", joint))
    ]
    attention = (np.abs(of("heads.keys.0", state[0])) + 1e-10) * sigmoids[0] * sigmoids[1]
    expected = (weight * best + bias + attention * weight * (q - best)).sum()
    given_rows = (torch.from_numpy(np.asarray(one))[:, None] for one in (q, best, actions))
    assert mixer(*given_rows, torch.from_numpy(state)).item() == pytest.approx(expected, rel=1e-12)


def test_an_agent_cannot_send_a_positive_advantage():
    """A value above the agent's best one counts as the best one where the advantage is weighted."""
    mixer, random = random_mixer(7)
    state = torch.from_numpy(random.standard_normal((1, STATE)))
    actions, best = torch.zeros(AGENTS, 1, dtype=torch.int64), torch.zeros(AGENTS, 1, dtype=torch.float64)
    weight = (mixer.weight(state).abs() + 1e-10).t()
    raised = best.clone()
    raised[0] = 1.0
    assert torch.allclose(mixer(raised, best, actions, state) - mixer(best, best, actions, state), weight[0])


def test_large_inputs_stay_finite():
    mixer, random = random_mixer(9)
    state = torch.from_numpy(random.standard_normal((2, STATE)) * 1e4)
    zeros = torch.zeros(AGENTS, 2, dtype=torch.float64, requires_grad=True)
    total = mixer(zeros, torch.ones_like(zeros), torch.zeros(AGENTS, 2, dtype=torch.int64), state)
    total.sum().backward()
    assert total.isfinite().all()
    assert all(value.grad.isfinite().all() for value in mixer.parameters())


def transitions(rewards) -> TeamTransitions:
    order = timeline(np.array([len(rewards)], np.int64))
    states = torch.from_numpy(np.random.default_rng(1).standard_normal((order.moments, STATE)).astype(np.float32))
    alive = torch.ones(len(rewards))
    alive[-1] = 0
    after = np.arange(1, order.moments)
    return TeamTransitions(states, order.taken, after, torch.tensor(rewards), alive, order)


def rows(count: int, *, greedy: bool) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(4)
    best = torch.rand(AGENTS, count, generator=random)
    behind = 0.0 if greedy else 0.5
    actions = torch.randint(0, ACTIONS, (AGENTS, count), generator=random, dtype=torch.uint8)
    values = {"q_taken": best - behind, "q_max": best, "q_next": best / 2 - behind, "q_next_max": best / 2}
    return values | {"action": actions, "greedy_next": actions.flip(1)}


@pytest.mark.parametrize("greedy", [True, False])
def test_the_heads_learn_from_advantages_alone(greedy):
    """Where every agent acted greedily, as a dead one does, no advantage is left for the heads."""
    half = make_team_half(QPLEX, algorithm(name="qplex"), SPEC, seed=1)
    own = TeamInputs(half, target_of(half), rows(3, greedy=greedy), transitions([1.0, -2.0, 3.0]))
    gradients, _ = learn(own, QPLEX.rows)
    assert set(gradients) == {"q_taken"}
    assert all(bool(value.grad.any()) is not greedy for value in half.mixer.heads.parameters())
    assert all(value.grad.any() for value in half.mixer.weight.parameters())


@pytest.mark.parametrize("td_lambda", [0.0, 0.5])
def test_the_target_is_the_target_mixers_value_of_the_greedy_actions(td_lambda):
    settings = algorithm(name="qplex", gamma=0.5, td_lambda=td_lambda)
    half, target = (make_team_half(QPLEX, settings, SPEC, seed) for seed in (1, 2))
    seen, given_rows = transitions([1.0, -2.0, 3.0]), rows(3, greedy=False)
    _, figures = half.loss(target, given_rows, seen)
    with torch.no_grad():
        after = [given_rows[name] for name in ("q_next", "q_next_max", "greedy_next")]
        values = target.mixer(*after, seen.states[1:])[0].tolist()
        now = [given_rows[name] for name in ("q_taken", "q_max", "action")]
        totals = half.mixer(*now, seen.states[:-1])[0]
    returns, following = [], 0.0
    for step in (2, 1, 0):
        ahead = 0.0 if step == 2 else (1 - td_lambda) * values[step] + td_lambda * following
        following = [1.0, -2.0, 3.0][step] + 0.5 * ahead
        returns.insert(0, following)
    errors = totals.numpy() - returns
    assert float(figures["loss"]) == pytest.approx(np.square(errors).mean(), rel=1e-5)


class Qplex(AlgorithmContract):
    """Random agents and episodes of the contract, without its tests."""

    __test__ = False
    algorithm = QPLEX


@pytest.mark.parametrize("double_q", [True, False])
def test_agents_send_values_of_one_network_and_one_mask(double_q):
    contract = Qplex()
    contract.changes = {"double_q": double_q}
    agents = contract.stack((0, 1, 2))
    with torch.no_grad():  # target networks unlike the online ones
        for value in agents.target.values():
            value.mul_(-0.7)
    episodes = sample_episodes(agents.ring, contract.slots(agents))
    found = {name: row.detach() for name, row in agent_rows(agents, episodes).rows.items()}
    assert (found["q_taken"] <= found["q_max"]).all()
    assert (found["q_next"] <= found["q_next_max"]).all()
    assert bool((found["q_next"] < found["q_next_max"]).any()) is double_q
    order = episodes.timeline
    available = episodes.available_actions[:, episodes.rows]
    actions = episodes.actions[:, episodes.rows[order.taken]]
    assert torch.equal(found["action"].long(), actions)
    after = available[:, order.batch :].gather(-1, found["greedy_next"].long().unsqueeze(-1))
    assert after.all()
    only = available[:, order.taken].sum(-1) == 1  # as of a dead agent
    assert torch.equal(found["q_taken"][only], found["q_max"][only])


def test_more_actions_than_a_byte_holds_are_refused():
    wide = TeamSpec("wide", 2, 257, Flat(1), Flat(1), episode_limit=4)
    with pytest.raises(ConfigurationError, match=r"row action in one byte.*the task has 257"):
        QPLEX.sized_rows(wide, algorithm(name="qplex"))
