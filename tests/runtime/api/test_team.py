"""A trained team acts as in training's evaluations, and its agents' networks are ordinary modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import fedqmix
from fedqmix.algorithms import find_algorithm, make_networks
from fedqmix.envs import make_world, team_spec
from fedqmix.networks import ModuleNetwork
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.world import EpisodeBatch, Purpose
from support.worlds import KeepingSink

OWN_CODE = """
from torch import nn
from fedqmix.networks import ModuleNetwork


class Layers(nn.Module):
    def __init__(self, inputs, n_actions):
        super().__init__()
        self.inner, self.outer = nn.Linear(inputs, 6), nn.Linear(6, n_actions)

    def forward(self, inputs, memory):
        memory = (self.inner(inputs) + memory).tanh()
        return self.outer(memory), memory


class Mine(ModuleNetwork):
    memory_width = 6

    def module(self, inputs, n_actions):
        return Layers(inputs, n_actions)
"""


def new_team(*words: str) -> fedqmix.Team:
    """Return a team with drawn parameters, biases too."""
    config = compose(["experiment=smoke", "map=3m", *words])
    spec = team_spec(config.map, config.env)
    networks = make_networks(find_algorithm(config.algorithm), config.algorithm, config.model, spec)
    parameters = networks.draw(tuple(range(spec.n_agents)), 5)
    return fedqmix.Team(config, spec, parameters, Path("none"), 0)


def seen(team: fedqmix.Team, episodes: int, seed: int = 0) -> tuple[Any, Any]:
    """Return random observations and masks."""
    random, spec = np.random.default_rng(seed), team.spec
    observations = random.uniform(-1, 1, (spec.n_agents, episodes, spec.obs_dim)).astype(np.float32)
    available = random.random((spec.n_agents, episodes, spec.n_actions)) < 0.5
    available[..., 0] = True
    return observations, available


@pytest.mark.parametrize("agent_id", ["true", "false"])
@pytest.mark.parametrize(("model", "hidden"), [("gru", 16), ("gru", 20), ("mlp", 16), ("mlp", 7)])
def test_an_ordinary_module_gives_the_teams_q_values(model: str, hidden: int, agent_id: str) -> None:
    team = new_team(
        f"model={model}", f"model.hidden={hidden}", f"model.agent_id={agent_id}", "model.initialisation=uniform"
    )
    networks = [team.network(agent) for agent in range(team.spec.n_agents)]
    memory, hiddens = None, [None] * len(networks)
    last_actions = np.full((team.spec.n_agents, 5), -1)
    for moment in range(4):
        observations, available = seen(team, 5, moment)
        q = team.q_values(observations, memory)
        actions, memory = team.act(observations, available, memory)
        for agent, network in enumerate(networks):
            with torch.no_grad():
                values, hiddens[agent] = network(
                    torch.from_numpy(observations[agent]), torch.from_numpy(last_actions[agent]), hiddens[agent]
                )
            torch.testing.assert_close(values, torch.from_numpy(q[agent]), rtol=1e-5, atol=1e-5)
            best = np.where(available[agent], values.numpy(), -np.inf).argmax(-1)
            assert actions[agent].tolist() == best.tolist()
        last_actions = actions
    assert not np.allclose(q[0], q[1])


def test_its_layers_are_pytorchs() -> None:
    team = new_team("model.hidden=20")
    network = team.network(1)
    assert isinstance(network, nn.Module)
    assert isinstance(network.gru, nn.GRUCell)
    assert isinstance(network.fc, nn.Linear)
    state = team.state_dict(1)
    assert state["gru.weight_ih"].shape == (60, 20)
    assert torch.equal(state["fc.weight"], team.parameters["fc.weight"][1].T)
    nn.GRUCell(20, 20).load_state_dict({name[4:]: value for name, value in state.items() if name.startswith("gru.")})
    with torch.no_grad():
        network.fc.weight.zero_()
    assert team.network(1).fc.weight.any()  # the team has its own weights
    with pytest.raises(fedqmix.InputError, match="agents 0 to 2"):
        team.network(3)


def test_a_module_of_ones_own_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_CODE)
    team = new_team("model=own", f"model.code='{tmp_path / 'mine.py'}:Mine'")
    observations, available = seen(team, 3)
    _, memory = team.act(observations, available)
    q = team.q_values(observations, memory)
    values, _ = team.network(2)(
        torch.from_numpy(observations[2]),
        torch.from_numpy(memory.last_actions[2]),
        torch.from_numpy(memory.hidden[2]),
    )
    torch.testing.assert_close(values.detach(), torch.from_numpy(q[2]))
    assert set(team.state_dict(0)) == {f"module.{name}" for name in ("inner.weight", "inner.bias")} | {
        "module.outer.weight",
        "module.outer.bias",
    }
    assert ModuleNetwork.__name__ == "ModuleNetwork"


def test_it_acts_as_in_an_evaluation(trained: fedqmix.Run) -> None:
    """Playing through `act` gives the returns, lengths and wins that `evaluate` gives, bit for bit."""
    team, sink = trained.team(), KeepingSink()
    world = make_world(team.config.map, team.config.seed, team.config.env, sink)
    time_step, memory = world.begin(EpisodeBatch(Purpose.VARIED_EVALUATION, 40, 6)), None
    rewards = np.zeros(6, np.float32)
    while not (time_step.terminated | time_step.truncated).all():
        actions, memory = team.act(time_step.observations, time_step.available_actions, memory)
        time_step = world.step(actions)
    rewards = np.stack([one.team_reward for one in sink.time_steps]).sum(0)
    evaluation = fedqmix.evaluate(team, 6, first_episode=40)
    assert evaluation.won == tuple(time_step.won.tolist())
    np.testing.assert_allclose(evaluation.returns, rewards, rtol=1e-6)
    assert max(evaluation.lengths) == len(sink.time_steps) - 1


def test_one_episode_and_several_and_others_beside_them_are_the_same() -> None:
    team = new_team()
    observations, available = seen(team, 4)
    together, memory = team.act(observations, available)
    alone, own = team.act(observations[:, 2], available[:, 2])
    assert alone.shape == (3,)
    assert together.shape == (3, 4)
    assert alone.tolist() == together[:, 2].tolist()
    assert np.array_equal(own.hidden[:, 0], memory.hidden[:, 2])
    before = memory.hidden.copy()
    team.act(observations, available, memory)
    assert np.array_equal(memory.hidden, before)  # what is passed in stays as it is


def test_exploration_is_fixed_by_its_seed() -> None:
    team = new_team()
    observations, available = seen(team, 200)

    def played(seed: int) -> list[list[int]]:
        memory, found = None, []
        for _ in range(3):
            actions, memory = team.act(observations, available, memory, epsilon=0.5, seed=seed)
            assert np.take_along_axis(available, actions[..., None], 2).all()
            found.append(actions.ravel().tolist())
        return found

    greedy = team.act(observations, available)[0].ravel()
    first = played(1)
    assert first == played(1)
    assert first != played(2)
    different = float(np.mean(np.array(first[0]) != greedy))
    assert 0.2 < different < 0.5  # half are drawn, and some draws are the greedy action
    everything = [team.act(observations, available, None, epsilon=1, seed=1)[0]]
    assert np.mean(everything[0].ravel() != greedy) > different


def changed(place: tuple[int, ...], value: Any) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array = array.copy()
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("observations", "available", "message"),
    [
        (lambda o: o[:2], None, r"observations has the shape \[2, 4, 30\]; \[3, 30\]"),
        (lambda o: o[..., 1:], None, r"observations has the shape \[3, 4, 29\]"),
        (lambda o: o[:, :0], None, r"observations has the shape \[3, 0, 30\]"),
        (changed((1, 2, 3), np.nan), None, r"observations\[1, 2, 3\] is not finite"),
        (lambda o: o.astype(np.float64) * 1e300, None, "is not finite in float32"),
        (lambda o: o.astype(str), None, "observations has the type <U32; numbers are needed"),
        (lambda o: [[1, 2], [3]], None, "observations cannot be read as an array"),
        (None, lambda a: a[..., :-1], r"available_actions has the shape \[3, 4, 8\]"),
        (None, lambda a: a[:, :2], "all but the last size must be equal"),
        (None, changed((2, 1), False), "no available action for agent 2 in episode 1"),
        (None, lambda a: a.astype(np.float32), "available_actions has the type float32"),
        (None, lambda a: a * 2, "other numbers than 0 and 1"),
        (lambda o: np.full_like(o, 3e38), None, "the Q-values are not finite"),
    ],
)
def test_wrong_arrays_are_refused(observations: Any, available: Any, message: str) -> None:
    team = new_team()
    own = [(lambda x: x) if change is None else change for change in (observations, available)]
    arrays = [change(array) for change, array in zip(own, seen(team, 4), strict=True)]
    with pytest.raises(fedqmix.InputError, match=message):
        team.act(*arrays)


def test_wrong_memories_and_numbers_are_refused() -> None:
    team = new_team()
    observations, available = seen(team, 4)
    _, memory = team.act(observations, available)
    wrong: list[tuple[Any, str]] = [
        (memory.hidden, "memory is a ndarray"),
        (memory._replace(hidden=memory.hidden[:, :2]), "memory.hidden has the shape"),
        (memory._replace(hidden=memory.hidden * np.inf), "is not finite"),
        (memory._replace(last_actions=memory.last_actions + 50), "must be from -1 to 8"),
        (memory._replace(moment=-1), "memory.moment=-1"),
    ]
    for other, message in wrong:
        with pytest.raises(fedqmix.InputError, match=message):
            team.act(observations, available, other)
    for options, message in (
        ({"epsilon": 0.1}, "needs a seed"),
        ({"epsilon": 1.5}, "a number from 0 to 1"),
        ({"epsilon": 0.1, "seed": 0.5}, "seed=0.5"),
        ({"epsilon": float("nan"), "seed": 1}, "a number from 0 to 1"),
    ):
        with pytest.raises(fedqmix.InputError, match=message):
            team.act(observations, available, memory, **options)  # type: ignore[arg-type]
