"""Whole runs of agents that hold parts of one root network: what is averaged, sent, stored, resumed and refused."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fedqmix
from fedqmix.conf.schema import Config
from fedqmix.envs import team_spec
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.agent_model import agent_model, kept_units
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.runs.lifecycle.conduct import make_strategy
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes
from fedqmix.runtime.runs.lifecycle.ready import require_ready
from fedqmix.runtime.storage import reading
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy
from fedqmix.strategies.sub_networks import SubNetworks
from support.compared import assert_equal_runs, final_tensors, rows

SNP = ["strategy=snp_ps", "map=3m"]
ADAPS = ["strategy=adaps", "strategy.clusters=types", "map=2s3z", "strategy.keep=0.3"]
STALKERS, ZEALOTS = (0, 1), (2, 3, 4)
BESIDE = ["strategy.adam_moments=average", "strategy.share_targets=true", "strategy.clip_update=1.5"]
EACH = pytest.mark.parametrize("words", [SNP, ADAPS], ids=["snp_ps", "adaps"])


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "experiment=smoke", f"run_dir={run_dir}", *words])


def parts_of(config: Config) -> SubNetworks:
    strategy = make_strategy(config, team_spec(config.map, config.env).n_agents)
    assert isinstance(strategy, SubNetworkStrategy)
    return strategy.sub_networks


def aggregates(run: Path) -> list[dict[str, torch.Tensor]]:
    """Each agent's aggregate in the newest checkpoint."""
    team = reading.load(reading.locate(run)).tensors["aggregate"]
    return [of_agent(team, agent) for agent in range(team_spec(load(run).map, load(run).env).n_agents)]


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def assert_common_elements_are_equal(parts: SubNetworks, own: list[dict[str, torch.Tensor]]) -> None:
    """Two agents that hold an element have one value of it; there are such elements in every parameter."""
    for name in parts.root.shapes:
        numbers = [parts.numbers(name, agent) for agent in range(len(own))]
        compared = 0
        for one, other in combinations(range(len(own)), 2):
            _, here, there = np.intersect1d(numbers[one], numbers[other], return_indices=True)
            compared += len(here)
            assert torch.equal(own[one][name].flatten()[here], own[other][name].flatten()[there]), name
        assert compared, name


@pytest.mark.parametrize("beside", [[], BESIDE], ids=["plain", "beside"])
@EACH
def test_holders_of_an_element_have_one_value(tmp_path: Path, words: list[str], beside: list[str]) -> None:
    assert train(tmp_path / "run", *words, *beside, "stop.rounds=2") == 0
    config, own = load(tmp_path / "run"), aggregates(tmp_path / "run")
    parts = parts_of(config)
    assert_common_elements_are_equal(parts, own)
    if beside:
        stored = reading.load(reading.locate(tmp_path / "run")).tensors["strategy"]
        for kind in ("target.", "adam.exp_avg.", "adam.exp_avg_sq."):
            of_kind = {name: value for name, value in stored.items() if kind in name}
            each = [of_agent(of_kind, agent) for agent in range(len(own))]
            plain = [{name.removeprefix(kind): value for name, value in one.items()} for one in each]
            assert_common_elements_are_equal(parts, plain)
    shapes = agent_shapes(config, team_spec(config.map, config.env))
    assert {name: tuple(value.shape) for name, value in own[0].items()} == shapes == parts.root.held
    figures = summary(tmp_path / "run")["strategy_figures"]
    for group, units in parts.units.items():
        assert [[int(unit) for unit in own.split()] for own in figures["units"][group]] == units.tolist()
    assert figures["widths"] == {"fc": 16, "gru": 16}
    assert len(figures["units"]["gru"][0].split()) == kept_units(16, figures["keep"])
    weights = [value for name, value in rows(tmp_path / "run")[-1].items() if name.startswith("fed/weight_")]
    assert sum(weights) == pytest.approx(1)


def test_agents_of_one_cluster_have_one_network(tmp_path: Path) -> None:
    assert train(tmp_path / "run", *ADAPS, "stop.rounds=2") == 0
    own = aggregates(tmp_path / "run")
    for name in own[0]:
        for group in (STALKERS, ZEALOTS):
            assert all(torch.equal(own[group[0]][name], own[agent][name]) for agent in group), name
    assert not torch.equal(own[0]["gru.weight_hh"], own[2]["gru.weight_hh"])
    beginnings = {name.split(".")[0] for name in final_names(tmp_path / "run")}
    assert beginnings == {"agents-0-1", "agents-2-3-4", "head"}  # the head's bias is held by all


def final_names(run: Path) -> list[str]:
    """The aggregate's names in the newest checkpoint, by the names of runtime.core.team_arrays."""
    return list(reading.load(reading.locate(run)).tensors["aggregate"])


@EACH
def test_resumed_is_undisturbed(tmp_path: Path, words: list[str]) -> None:
    words = [*words, *BESIDE, "evaluation.around_aggregation=true"]
    assert train(tmp_path / "whole", *words, "stop.rounds=4") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=4"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    assert summary(tmp_path / "whole")["strategy_figures"] == summary(tmp_path / "resumed")["strategy_figures"]


EVERY = [
    ["strategy=snp_ps", "map=3m"],
    ["strategy=adaps", "strategy.clusters=types", "map=2s3z"],
    ["strategy=clusters", "map=2s3z"],
    ["strategy=adaps", "strategy.clusters=types", "map=2s3z", "algorithm=iql", "algorithm.reward=individual"],
]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_with_every_step_averages_change_nothing(tmp_path: Path, words: list[str]) -> None:
    """Four rounds of ten training steps end where two of twenty end, bit for bit, and so does a resumed run."""
    words = [*words, "strategy.every_step=true", "stop.env_steps=100000"]
    for name, interval, rounds in (("often", 10, 4), ("seldom", 20, 2), ("resumed", 10, 1)):
        rest = [f"strategy.aggregation_interval={interval}", f"stop.rounds={rounds}"]
        assert train(tmp_path / name, *words, *rest) == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=4"]) == 0
    often, seldom, resumed = (final_tensors(tmp_path / name) for name in ("often", "seldom", "resumed"))
    compared = [name for name in often if name.startswith(("agents/", "mixer/", "aggregate/"))]
    assert any(name.startswith("agents/adam.") for name in compared)
    assert any(name.startswith("agents/buffer.places.") for name in compared)
    for name in compared:
        assert torch.equal(often[name], resumed[name]), name
        if "battle_sums" not in name and "mixer/sums" not in name:  # since the last report
            assert torch.equal(often[name], seldom[name]), name
    apart = tmp_path / "apart"
    assert train(apart, *[word for word in words if "every_step" not in word], "stop.rounds=2") == 0
    assert not torch.equal(final_tensors(apart)["agents/online.gru.weight_hh"], seldom["agents/online.gru.weight_hh"])


def test_messages_are_smaller_than_the_share_of_units(tmp_path: Path) -> None:
    """Elements between two hidden layers are kept by keep squared, those of inputs and outputs by keep."""
    words = ["stop.rounds=2", "map=3m", "model.hidden=32"]
    assert train(tmp_path / "whole", *words, "strategy=full_sharing") == 0
    assert train(tmp_path / "parts", *words, "strategy=adaps", "strategy.clusters=[[0,1],[2]]") == 0
    for way in ("fed/bytes_up", "fed/bytes_down"):
        sent = [rows(tmp_path / name)[-1][way] for name in ("parts", "whole")]
        assert sent[0] <= 0.5 * sent[1] * 1.01  # the head's bias is whole
        assert sent[0] > 0.25 * sent[1]


def test_personal_layers_stay_with_their_agents(tmp_path: Path) -> None:
    assert train(tmp_path / "run", *SNP, "strategy.shared=[head.*]", "stop.rounds=2") == 0
    tensors = final_tensors(tmp_path / "run")
    assert {name.split("/")[1].split(".", 1)[-1] for name in tensors if name.startswith("aggregate/agents")} == {
        "head.weight"
    }
    assert not torch.equal(*tensors["agents/online.fc.bias"][:2])


def test_the_first_networks_are_parts_of_one_root(tmp_path: Path) -> None:
    """Agent 0 begins with its own network, the others with what lower numbers hold of theirs."""
    assert train(tmp_path / "run", *SNP, "stop.rounds=1", "algorithm.learning_rate=1e-30") == 0
    assert (
        train(
            tmp_path / "alone",
            "map=3m",
            "strategy=none",
            "model.hidden=8",
            "stop.rounds=1",
            "algorithm.learning_rate=1e-30",
        )
        == 0
    )
    own, drawn = aggregates(tmp_path / "run"), final_tensors(tmp_path / "alone")
    for name, value in own[0].items():
        torch.testing.assert_close(value, drawn[f"agents/online.{name}"][0])
    parts = parts_of(load(tmp_path / "run"))
    alone = ~np.isin(parts.units["fc"][1], parts.units["fc"][0])
    assert alone.any()
    columns = torch.from_numpy(np.flatnonzero(alone))
    torch.testing.assert_close(own[1]["fc.weight"][:, columns], drawn["agents/online.fc.weight"][1][:, columns])


def test_a_trained_team_of_parts_plays_in_python(tmp_path: Path) -> None:
    assert train(tmp_path / "run", *ADAPS, "stop.rounds=2") == 0
    team = fedqmix.load(tmp_path / "run")
    assert team.parameters["gru.weight_hh"].shape == (5, 5, 15)
    assert sum(value.numel() for value in team.network(1).parameters()) == sum(
        value[0].numel() for value in team.parameters.values()
    )
    assert fedqmix.evaluate(team, episodes=2).episodes == 2


def test_all_units_are_the_plain_average(tmp_path: Path) -> None:
    for name, words in (("parts", ["strategy=snp_ps", "strategy.keep=1"]), ("whole", ["strategy=a_pps"])):
        assert train(tmp_path / name, "map=3m", "stop.rounds=1", *words) == 0
    for one, other in zip(aggregates(tmp_path / "parts"), aggregates(tmp_path / "whole"), strict=True):
        for name, value in one.items():
            torch.testing.assert_close(value, other[name])


def test_kept_units_are_rounded_up() -> None:
    assert [kept_units(16, keep) for keep in (0.01, 0.5, 0.51, 1.0)] == [1, 8, 9, 16]
    assert (kept_units(100, 0.07), kept_units(10, 0.7), kept_units(3, 0.34)) == (7, 7, 2)
    config = compose([*SNP, "model.hidden=64", "strategy.keep=0.3"])
    assert (config.model.hidden, agent_model(config).hidden) == (64, 20)
    assert agent_model(compose(["strategy=a_pps"])).hidden == 64


def test_the_two_kinds_of_masks_differ_and_seeds_draw_others() -> None:
    words = ["strategy=adaps", "strategy.clusters=[[0,2],[1]]", "map=3m"]
    each = [parts_of(compose([*words, *more])) for more in ([], ["strategy.masks=random"], ["seed=2"], [])]
    units = [parts.units["gru"] for parts in each]
    assert np.array_equal(units[0], units[3])
    for one, other in combinations(units[:3], 2):
        assert not np.array_equal(one, other)
    for one in units:
        assert np.array_equal(one[0], one[2])
        assert not np.array_equal(one[0], one[1])


OWN_NETWORK = """
from torch import nn
import torch
from fedqmix.networks import ModuleNetwork


class Layers(nn.Module):
    def __init__(self, inputs, hidden, n_actions):
        super().__init__()
        self.body, self.head = nn.Linear(inputs, hidden), nn.Linear(hidden, n_actions)

    def forward(self, inputs, memory):
        return self.head(torch.relu(self.body(inputs))), memory


class Silent(ModuleNetwork):
    def module(self, inputs, n_actions):
        return Layers(inputs, self.settings.hidden, n_actions)


class Declared(Silent):
    def units(self):
        return {"body.weight": ("body", None), "body.bias": ("body",), "head.weight": (None, "body"),
                "head.bias": (None,)}


class Wrong(Silent):
    def units(self):
        return {"body.weight": ("body", None)}


class Broken(Silent):
    def units(self):
        return self.unheard_of
"""


@pytest.fixture
def own_networks(tmp_path: Path) -> Path:
    file = tmp_path / "networks_of_mine.py"
    file.write_text(OWN_NETWORK)
    return file


def test_a_network_of_ones_own_declares_its_units(tmp_path: Path, own_networks: Path) -> None:
    """torch's layout: [outputs, inputs]."""
    code = ["model=own", f"model.code={own_networks}:Declared"]
    assert train(tmp_path / "run", *SNP, *code, "stop.rounds=2") == 0
    config = load(tmp_path / "run")
    assert_common_elements_are_equal(parts_of(config), aggregates(tmp_path / "run"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Silent", "Silent does not declare its hidden units"),
        ("Wrong", "cannot be divided into sub-networks: body.bias of shape"),
        ("Broken", "AttributeError: 'Broken' object has no attribute 'unheard_of'"),
    ],
)
def test_networks_without_units_are_refused_before_a_run(
    tmp_path: Path, own_networks: Path, name: str, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code = ["model=own", f"model.code={own_networks}:{name}"]
    assert train(tmp_path / "run", *SNP, *code) == 2
    message = capfd.readouterr().err
    assert text in message
    assert "Traceback" not in message
    assert not (tmp_path / "run").exists()
    require_ready(compose(["strategy=a_pps", "map=3m", *code]))


OWN_STRATEGY = '''
import numpy as np
from fedqmix.strategies import TeamStrategy
from fedqmix.strategies.sub_network_strategy import SubNetworkStrategy


class FirstUnits(SubNetworkStrategy):
    """All agents hold the first units."""

    def draw_units(self, widths, kept):
        return {group: np.tile(np.arange(kept[group]), (self.n_agents, 1)) for group in widths}


class Whole(TeamStrategy):
    def weights(self, rewards):
        return [1 / len(rewards)] * len(rewards)
'''


def test_a_strategy_of_ones_own_chooses_the_units(tmp_path: Path) -> None:
    file = tmp_path / "strategies_of_mine.py"
    file.write_text(OWN_STRATEGY)
    own = ["strategy=own", "map=3m", "strategy.keep=0.5"]
    assert train(tmp_path / "run", *own, f"strategy.code={file}:FirstUnits", "stop.rounds=1") == 0
    assert "fc.weight" in final_names(tmp_path / "run")  # one for all
    assert aggregates(tmp_path / "run")[0]["fc.bias"].shape == (8,)
    with pytest.raises(ConfigurationError, match=r"strategy\.keep=0\.5 leaves each agent a part of one network, but"):
        require_ready(compose([*own, f"strategy.code={file}:Whole"]))
    require_ready(compose(["strategy=own", "map=3m", f"strategy.code={file}:Whole"]))
    every = ["strategy=own", "map=3m", "strategy.every_step=true"]
    require_ready(compose([*every, f"strategy.code={file}:FirstUnits"]))
    with pytest.raises(ConfigurationError, match=r"does not say where gradients lie: override `gradient_places`"):
        require_ready(compose([*every, f"strategy.code={file}:Whole"]))


@pytest.mark.slow
@EACH
def test_a_federation_computes_what_one_process_computes(words: list[str]) -> None:
    assert main(["verify", "experiment=smoke", *words, *BESIDE]) == 0
