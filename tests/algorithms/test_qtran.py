"""QTRAN-base: its three losses by hand, what each of them moves, and that sums over agents are all it uses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedqmix.algorithms import ALGORITHMS, find_algorithm, make_networks, make_team_half
from fedqmix.algorithms.base import TeamInputs, learn, target_of
from fedqmix.clients.buffer import sample_episodes
from fedqmix.clients.learning import agent_rows
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks import ModuleNetwork
from fedqmix.networks.base import FeatureLayer
from fedqmix.networks.encoder import Encoder
from fedqmix.networks.network_set import NetworkSet
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.timeline import timeline
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.testing import AlgorithmContract
from support.toy_team import MODEL, algorithm

AGENTS, ACTIONS, STATE, COUNT = 3, 4, 5, 4
SPEC = TeamSpec("by hand", AGENTS, ACTIONS, Flat(1), Flat(STATE), episode_limit=4)
QTRAN = ALGORITHMS["qtran"]
REWARDS = [1.0, -2.0, 3.0, 0.5]
SUMMED = [(name, row.name) for name, one in ALGORITHMS.items() for row in one.rows if row.summed]


def transitions() -> TeamTransitions:
    order = timeline(np.array([COUNT], np.int64))
    states = torch.from_numpy(np.random.default_rng(1).standard_normal((order.moments, STATE)).astype(np.float32))
    alive = torch.tensor([1.0, 1.0, 1.0, 0.0])
    return TeamTransitions(states, order.taken, np.arange(1, order.moments), torch.tensor(REWARDS), alive, order)


def rows(name: str = "qtran") -> dict[str, torch.Tensor]:
    """Random rows whose numbers are eighths, so that sums over agents are exact in any order."""
    random = torch.Generator().manual_seed(4)
    settings = algorithm(name=name)
    return {
        row.name: torch.randint(-16, 17, (AGENTS, COUNT, *row.lengths), generator=random) / 8
        for row in ALGORITHMS[name].sized_rows(SPEC, settings)
    }


def halves(**changes):
    settings = algorithm(name="qtran", **changes)
    return tuple(make_team_half(QTRAN, settings, SPEC, seed) for seed in (1, 2))


def learned(given, **changes):
    half, target = halves(**changes)
    gradients, figures = learn(TeamInputs(half, target, given, transitions()), QTRAN.rows)
    return half, gradients, figures


def test_parameters_of_the_published_networks_on_2s3z():
    """State 120, 5 agents of 11 actions, hidden width 64 everywhere; the encoder is an agent's own."""
    spec = TeamSpec("2s3z", 5, 11, Flat(80), Flat(120), episode_limit=120)
    settings = algorithm(name="qtran", encoding_embed=64, joint_hidden=64)
    half = make_team_half(QTRAN, settings, spec, seed=1)
    counted = [sum(value.numel() for value in part.parameters()) for part in (half.mixer.joint, half.mixer.value)]
    assert counted == [16_769, 11_969]
    model = ModelConfig(name="gru", hidden=64, initialisation="orthogonal", agent_id=True, last_action=True)
    shapes = make_networks(find_algorithm(settings), settings, model, spec).shapes()
    encoder = [np.prod(shape) for name, shape in shapes.items() if name.startswith("encoder.")]
    assert sum(encoder) == 11_400


class Sum(nn.Module):
    """A joint value that adds up the encodings and leaves the state out."""

    def forward(self, inputs):
        return inputs[:, STATE:].sum(1, keepdim=True)


class Constant(nn.Module):
    """A state value of -0.25 everywhere, with a parameter."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(-0.25))

    def forward(self, state):
        return self.level.expand(len(state), 1)


def test_the_losses_by_hand():
    half, target = halves(gamma=0.5, td_lambda=0.0, lambda_opt=0.7, lambda_nopt=0.3)
    for one in (half, target):
        one.mixer.joint, one.mixer.value = Sum(), Constant()
    given = rows()
    gradients, figures = learn(TeamInputs(half, target, given, transitions()), QTRAN.rows)
    sums = {name: row.sum(0).numpy().astype(np.float64) for name, row in given.items()}
    joint, best, after = (sums[f"encoding_{name}"].sum(1) for name in ("taken", "greedy", "next"))
    error = joint - (np.array(REWARDS) + 0.5 * np.array([1, 1, 1, 0]) * after)
    opt, nopt = sums["q_max"] - best - 0.25, np.minimum(sums["q_taken"] - joint - 0.25, 0)
    assert (nopt < 0).any()
    assert (nopt == 0).any()
    parts = {"td_loss": (error**2).mean(), "opt_loss": (opt**2).mean(), "nopt_loss": (nopt**2).mean()}
    parts["loss"] = parts["td_loss"] + 0.7 * parts["opt_loss"] + 0.3 * parts["nopt_loss"]
    parts["td_error_abs"] = np.abs(error).mean()
    assert {name: float(value) for name, value in figures.items()} == pytest.approx(parts)
    for agent in range(AGENTS):
        assert gradients["q_max"][agent].tolist() == pytest.approx((0.7 * 2 * opt / COUNT).tolist())
        assert gradients["q_taken"][agent].tolist() == pytest.approx((0.3 * 2 * nopt / COUNT).tolist())
        assert gradients["encoding_taken"][agent, :, 0].tolist() == pytest.approx((2 * error / COUNT).tolist())
    level = float(half.mixer.value.level.grad)
    assert level == pytest.approx((0.7 * 2 * opt + 0.3 * 2 * nopt).mean())


def test_only_the_td_error_moves_the_joint_value_and_the_encodings():
    moved, gradients, _ = learned(rows(), lambda_opt=1.0, lambda_nopt=0.5)
    alone, of_td, _ = learned(rows(), lambda_opt=0.0, lambda_nopt=0.0)
    for name, value in moved.mixer.joint.named_parameters():
        assert torch.equal(value.grad, alone.mixer.joint.get_parameter(name).grad)
        assert value.grad.any()
    assert torch.equal(gradients["encoding_taken"], of_td["encoding_taken"])
    assert set(gradients) == {"encoding_taken", "q_taken", "q_max"}
    assert not of_td["q_taken"].any()
    assert not of_td["q_max"].any()
    assert gradients["q_max"].any()
    assert not any(value.grad.any() for value in alone.mixer.value.parameters())
    assert any(value.grad.any() for value in moved.mixer.value.parameters())


@pytest.mark.parametrize(("name", "summed"), SUMMED)
def test_a_row_declared_as_summed_counts_by_its_sum_alone(name, summed):
    """Other rows of the agents with the same sum change no loss, bit for bit, and no gradient of any agent."""
    settings = algorithm(name=name)
    half = make_team_half(ALGORITHMS[name], settings, SPEC, seed=1)
    given = rows(name)
    moved = given[summed].flip(-1) * 3
    others = torch.stack(
        [given[summed][0] + moved[1], given[summed][1] - moved[1] + moved[2], given[summed][2] - moved[2]]
    )
    assert torch.equal(others.sum(0), given[summed].sum(0))
    assert not torch.equal(others, given[summed])
    outcomes = []
    for row in (given[summed], others):
        inputs = TeamInputs(half, target_of(half), given | {summed: row}, transitions())
        outcomes.append(learn(inputs, ALGORITHMS[name].rows))
    for found, expected in zip(*outcomes, strict=True):
        assert all(torch.equal(found[key], value) for key, value in expected.items())
    gradient = outcomes[0][0].get(summed)
    assert gradient is None or torch.equal(gradient, gradient[:1].expand_as(gradient))


def test_every_row_of_qtran_is_summed():
    assert {row for name, row in SUMMED if name == "qtran"} == {row.name for row in QTRAN.rows}


class Qtran(AlgorithmContract):
    """Random agents and episodes of the contract, without its tests."""

    __test__ = False
    algorithm = QTRAN


def sent(contract: AlgorithmContract, agent_ids: tuple[int, ...]) -> dict[str, torch.Tensor]:
    agents = contract.stack(agent_ids)
    found = agent_rows(agents, sample_episodes(agents.ring, contract.slots(agents)))
    return {name: row.detach() for name, row in found.rows.items()}


def test_the_sum_of_separate_agents_encodings_is_that_of_one_stack():
    contract = Qtran()
    whole = sent(contract, (0, 1, 2))
    alone = [sent(contract, (agent,)) for agent in range(3)]
    for name, row in whole.items():
        assert torch.equal(torch.cat([one[name] for one in alone]).sum(0), row.sum(0))


def test_encodings_are_the_encoders_of_the_hidden_state_after_the_moment():
    """By PyTorch's own GRU cell and linear layers, for one agent, from the first moment on."""
    contract = Qtran()
    agents = contract.stack((1,))
    episodes = sample_episodes(agents.ring, contract.slots(agents))
    found = {name: row.detach() for name, row in agent_rows(agents, episodes).rows.items()}
    own = {name: value.detach()[0] for name, value in agents.online.items()}
    batch = episodes.timeline.batch
    first = episodes.rows[:batch]
    seen = episodes.observations[0, first]
    inputs = torch.cat([seen, torch.zeros(batch, 4), torch.eye(3)[1].expand(batch, 3)], dim=1)
    cell = nn.GRUCell(8, 8)
    with torch.no_grad():
        for name, value in (("weight_ih", "gru.weight_ih"), ("weight_hh", "gru.weight_hh")):
            cell.get_parameter(name).copy_(own[value].T)
        for name in ("bias_ih", "bias_hh"):
            cell.get_parameter(name).copy_(own[f"gru.{name}"])
        hidden = cell((inputs @ own["fc.weight"] + own["fc.bias"]).relu())
        chosen = torch.eye(4)[episodes.actions[0, first]]
        weight = torch.cat([own["encoder.fc.weight_features"], own["encoder.fc.weight_action"]])
        inner = (torch.cat([hidden, chosen], dim=1) @ weight + own["encoder.fc.bias"]).relu()
        expected = inner @ own["encoder.head.weight"] + own["encoder.head.bias"]
    torch.testing.assert_close(found["encoding_taken"][0, :batch], expected, rtol=1e-4, atol=1e-5)


def test_the_greedy_encoding_is_that_of_the_preferred_action():
    found = sent(Qtran(), (0, 1, 2))
    same = found["q_taken"] == found["q_max"]
    assert same.any()
    assert not same.all()
    equal = (found["encoding_taken"] == found["encoding_greedy"]).all(-1)
    assert torch.equal(equal, same)
    assert (found["q_taken"] <= found["q_max"]).all()


def test_an_encoder_s_units_are_the_features_of_the_network():
    settings = algorithm(name="qtran")
    networks = make_networks(find_algorithm(settings), settings, MODEL, SPEC)
    units = networks.units()
    assert set(units) == set(networks.shapes())
    assert units["encoder.fc.weight_features"] == ("gru", None)
    assert units["encoder.head.weight"] == (None, None)


class Plain(ModuleNetwork):
    """A network of a user's that gives no features."""

    def module(self, inputs, n_actions):
        return nn.Linear(inputs, n_actions)


def test_a_network_without_features_is_refused(monkeypatch):
    monkeypatch.setattr("fedqmix.networks.registry.NETWORKS", {"gru": Plain})
    settings = algorithm(name="qtran")
    with pytest.raises(ConfigurationError, match="Plain does not give its features"):
        make_networks(find_algorithm(settings), settings, MODEL, SPEC)


class Clashing(Plain):
    """A network with a parameter of an encoder's name."""

    def shapes(self):
        return {f"encoder.{name}": shape for name, shape in super().shapes().items()}


def test_a_parameter_with_the_name_of_an_encoder_s_is_refused():
    encoder = Encoder(FeatureLayer(5, "body"), ACTIONS, 6, "uniform")
    with pytest.raises(ConfigurationError, match=r"'encoder.weight' must have another name"):
        NetworkSet({"q": Clashing(SPEC, MODEL)}, {"encoder": encoder})
