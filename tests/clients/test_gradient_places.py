"""Gradients that are summed over the holders of an element, worked out beside the agents."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from flwr.app import MessageType

from fedqmix.clients.answers import answer
from fedqmix.clients.gradient_places import GradientPlaces, tie
from fedqmix.clients.learning import train_step
from fedqmix.clients.rounds import RoundPlan, train_round
from fedqmix.networks import Gru
from fedqmix.runtime.core import messages as m
from fedqmix.runtime.core.array_names import BUFFER, PLACES
from fedqmix.runtime.core.errors import FederationError
from fedqmix.strategies.sub_networks import RootNetwork, SubNetworks, drawn_units
from support.real_team import TRAIN_PLAN, message
from support.toy_team import MODEL, ToyTeam, algorithm, make_team
from support.toy_world import toy_spec

AGENTS = 3
ROOT_WIDTH = 11


def parts() -> SubNetworks:
    """Parts of a root of 11 units, for agents of 6."""
    own = Gru(toy_spec(), MODEL)
    root = Gru(toy_spec(), type(MODEL)(**vars(MODEL) | {"hidden": ROOT_WIDTH}))
    groups = RootNetwork(root.shapes(), own.shapes(), root.units())
    units = {
        group: np.stack([drawn_units(1, "test", agent, group, width, groups.kept[group]) for agent in range(AGENTS)])
        for group, width in groups.widths.items()
    }
    return SubNetworks(groups, units)


def as_buffers(held: SubNetworks) -> tuple[dict[str, torch.Tensor], int]:
    """The places as an agent stack is sent them, and the pooled size."""
    found = held.gradient_places()
    names = found.places[0]
    return {PLACES + n: torch.from_numpy(np.stack([one[n] for one in found.places])) for n in names}, found.size


def divided_team(held: SubNetworks, **changes: object) -> ToyTeam:
    """A team that has played, whose agents begin with equal values of common elements."""
    team = make_team(algorithm(**changes))
    starts = [{n: v[agent].detach().numpy() for n, v in team.agents.online.items()} for agent in range(AGENTS)]
    first = held.first(starts)
    team.agents.load({n: torch.from_numpy(np.stack([one[n] for one in first])) for n in starts[0]})
    return team


def in_root(held: SubNetworks, name: str, rows: torch.Tensor) -> torch.Tensor:
    """The sum of the agents' arrays, each at its places in the root."""
    total = torch.zeros(held.root.shapes[name], dtype=torch.float64)
    for agent, row in enumerate(rows):
        total[held.places(name, agent)] += row.double()
    return total


def test_a_gradient_is_the_sum_over_the_holders_and_its_norm_that_of_the_root() -> None:
    held = parts()
    team = divided_team(held)
    buffers, size = as_buffers(held)
    places = GradientPlaces.sent(buffers, team.agents, size)
    random = torch.Generator().manual_seed(1)
    own = {name: torch.randn(value.shape, generator=random) for name, value in team.agents.online.items()}
    for name, value in team.agents.online.items():
        assert value.grad is not None
        value.grad.copy_(own[name])
    squared = tie(team.agents, team.learner, places)
    roots = {name: in_root(held, name, rows) for name, rows in own.items()}
    for name, value in team.agents.online.items():
        assert value.grad is not None
        for agent in range(AGENTS):
            expected = roots[name][held.places(name, agent)].float()
            torch.testing.assert_close(value.grad[agent], expected, rtol=1e-6, atol=1e-6)
    expected_norm = sum(float(root.square().sum()) for root in roots.values())
    assert squared.dtype == torch.float64
    assert float(squared.sum()) == pytest.approx(expected_norm, rel=1e-6)
    assert len(set(squared.tolist())) == 1


@pytest.mark.parametrize("method", ["iql", "qmix"])
def test_holders_stay_one_network_bit_for_bit(method: str) -> None:
    """Online and target networks and both moments, over updates of the target, without any average."""
    held = parts()
    team = divided_team(held, name=method)
    buffers, size = as_buffers(held)
    places = GradientPlaces.sent(buffers, team.agents, size)
    train_round(team.agents, team.world, team.learner, RoundPlan(7, 10**6, True, places=places))
    state, compared = team.agents.state(), 0
    for prefix in ("online.", "target.", "adam.exp_avg.", "adam.exp_avg_sq."):
        for name in held.root.shapes:
            for one, other in combinations(range(AGENTS), 2):
                numbers = held.numbers(name, one), held.numbers(name, other)
                _, here, there = np.intersect1d(*numbers, return_indices=True)
                values = state[prefix + name]
                assert torch.equal(values[one].flatten()[here], values[other].flatten()[there]), prefix + name
                compared += len(here)
    assert compared > 1000
    apart = divided_team(held, name=method)
    train_round(apart.agents, apart.world, apart.learner, RoundPlan(7, 10**6, False))
    assert not torch.equal(apart.agents.online["head.bias"][0], apart.agents.online["head.bias"][1])


def test_one_block_for_all_is_full_sharing() -> None:
    """Up to the rounding of the norm, which two functions sum."""
    teams = [make_team(algorithm()) for _ in range(2)]
    for team in teams:
        team.agents.load({n: v[:1].detach().expand_as(v).clone() for n, v in team.agents.online.items()})
        train_round(team.agents, team.world, team.learner, RoundPlan(3, 10**9, True))
    one = sum(value[0].numel() for value in teams[0].agents.online.values())
    buffers, first = {}, 0
    for name, value in teams[0].agents.online.items():
        numbers = torch.arange(first, first + value[0].numel(), dtype=torch.int32).view(value[0].shape)
        buffers[PLACES + name] = numbers.expand(AGENTS, *numbers.shape)
        first += value[0].numel()
    train_step(teams[0].agents, teams[0].learner, tie_gradients=True)
    places = GradientPlaces.sent(buffers, teams[1].agents, one)
    train_step(teams[1].agents, teams[1].learner, tie_gradients=True, places=places)
    for name, value in teams[0].agents.online.items():
        torch.testing.assert_close(teams[1].agents.online[name], value, rtol=1e-5, atol=1e-7)


def test_a_size_of_0_means_no_places() -> None:
    assert GradientPlaces.sent({}, make_team().agents, 0) is None


def spoilt(what: str) -> tuple[dict[str, torch.Tensor], int]:
    buffers, size = as_buffers(parts())
    name = PLACES + "head.bias"
    if what == "missing":
        del buffers[name]
    elif what == "shape":
        buffers[name] = buffers[name][:, :-1]
    elif what == "numbers":
        buffers[name] = buffers[name].float()
    elif what == "negative":
        buffers[name] = buffers[name] - size
    elif what == "beyond":
        buffers[name] = buffers[name] + size
    elif what == "twice":
        buffers[name] = buffers[name].clone()
        buffers[name][1, 1] = buffers[name][1, 0]
    elif what == "long":
        size = 10**9
    elif what == "below":
        size = -1
    return buffers, size


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("missing", "no places of head.bias in the pooled gradient"),
        ("shape", "no places of head.bias"),
        ("numbers", "no places of head.bias"),
        ("negative", "places that are not different numbers from 0 to"),
        ("beyond", "places that are not different numbers from 0 to"),
        ("twice", "places that are not different numbers from 0 to"),
        ("long", "a pooled size of 1000000000; at most"),
        ("below", "a pooled size of -1; at most"),
    ],
)
def test_places_that_are_not_valid_change_nothing(what: str, text: str) -> None:
    buffers, size = spoilt(what)
    team = make_team(algorithm())
    before = {name: value.clone() for name, value in team.agents.state().items()}
    names = [BUFFER + name for name in buffers]
    plan = TRAIN_PLAN | {m.TIE_GRADIENTS: True, m.POOLED_SIZE: size, m.BUFFERS: names}
    questions = [
        message(MessageType.TRAIN, plan, {BUFFER + name: value[agent] for name, value in buffers.items()})
        for agent in range(AGENTS)
    ]
    with pytest.raises(FederationError, match=text):
        answer(team.agents, team.world, team.learner, questions)
    after = team.agents.state()
    assert set(after) == set(before)
    assert all(torch.equal(value, before[name]) for name, value in after.items())
