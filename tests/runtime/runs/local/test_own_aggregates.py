"""Agents with aggregates of their own in whole runs: clusters and masks, cut off and resumed, and as a federation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fedqmix.algorithms import find_algorithm, make_networks
from fedqmix.clients.rounds import evaluate
from fedqmix.envs import team_spec
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.settings import compose, load
from fedqmix.runtime.core.array_names import BUFFER
from fedqmix.runtime.core.team_arrays import of_agent
from fedqmix.runtime.core.world import EVALUATIONS
from fedqmix.runtime.runs.lifecycle.fitting import agent_shapes
from fedqmix.runtime.runs.local.team import LocalTeam
from fedqmix.runtime.runs.local.trained import networks
from fedqmix.runtime.storage import reading
from support import halves
from support.compared import assert_equal_runs, final_tensors, rows

CLUSTERS = ["strategy=clusters", "map=2s3z", "strategy.adam_moments=average", "strategy.share_targets=true"]
HALVES = ["strategy=own", f"strategy.code={halves.__file__}:Halves", "map=3m", "evaluation.around_aggregation=true"]
EACH = pytest.mark.parametrize("words", [CLUSTERS, HALVES], ids=["clusters", "halves"])
STALKERS, ZEALOTS = (0, 1), (2, 3, 4)


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "experiment=smoke", f"run_dir={run_dir}", *words])


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three rounds on 2s3z."""
    folder = tmp_path_factory.mktemp("clusters") / "run"
    assert train(folder, *CLUSTERS, "stop.rounds=3") == 0
    return folder


def aggregates(run: Path) -> list[dict[str, torch.Tensor]]:
    """Each agent's aggregate in the newest checkpoint."""
    team = reading.load(reading.locate(run)).tensors["aggregate"]
    return [of_agent(team, agent) for agent in range(team_spec(load(run).map, load(run).env).n_agents)]


def test_unit_types_are_those_of_the_map() -> None:
    assert clusters_of(compose(["strategy=clusters", "map=2s3z"])) == [[0, 1], [2, 3, 4]]
    assert clusters_of(compose(["strategy=clusters", "map=MMM"])) == [[0, 1], [2, 3, 4, 5, 6, 7, 8], [9]]
    assert clusters_of(compose(["strategy=clusters", "map=3m"])) == [[0, 1, 2]]
    assert clusters_of(compose(["strategy=a_pps"])) is None


def test_agents_of_one_type_have_one_network_and_of_two_types_two(clustered: Path) -> None:
    own = aggregates(clustered)
    for group, others in ((STALKERS, ZEALOTS), (ZEALOTS, STALKERS)):
        for name, value in own[group[0]].items():
            assert all(torch.equal(value, own[agent][name]) for agent in group)
            assert not any(torch.equal(value, own[agent][name]) for agent in others), name


def test_what_was_evaluated_are_each_agents_own_networks(clustered: Path) -> None:
    """The last evaluation, played again with the aggregates of the last checkpoint, won as often."""
    config, tensors = load(clustered), reading.load(reading.locate(clustered)).tensors
    spec = team_spec(config.map, config.env)
    names = make_networks(find_algorithm(config.algorithm), config.algorithm, config.model, spec).shapes()
    team = LocalTeam(config)
    try:
        for agent, own in enumerate(aggregates(clustered)):
            found = networks({"aggregate": tensors["aggregate"]}, spec.n_agents, names)
            assert all(torch.equal(found[name][agent], value) for name, value in own.items())
        team.agents.load(networks(tensors, spec.n_agents, agent_shapes(config, spec)))
        purpose, episodes = EVALUATIONS[config.evaluation.starts][0], config.evaluation.episodes
        first = (len(rows(clustered)) - 1) * episodes
        played = evaluate(team.agents, team.world, first, episodes, purpose=purpose)
        returned = team.mixer.evaluation_return(purpose)
    finally:
        team.close()
    assert rows(clustered)[-1]["test_battle_won_mean"] == float(played.won.mean())
    assert rows(clustered)[-1]["test_return_mean"] == returned.mean
    assert rows(clustered)[-1]["test_return_std"] == returned.std


def test_the_best_networks_are_each_agents_own(clustered: Path) -> None:
    best = reading.load(clustered / "checkpoints" / "best").tensors["agents"]
    weights = best["online.head.weight"]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@EACH
def test_resumed_is_undisturbed(tmp_path: Path, words: list[str]) -> None:
    assert train(tmp_path / "whole", *words, "stop.rounds=4") == 0
    assert train(tmp_path / "resumed", *words, "stop.rounds=2") == 0
    assert main(["train", f"resume={tmp_path / 'resumed'}", "stop.rounds=4"]) == 0
    assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")
    weights = [value for name, value in rows(tmp_path / "whole")[-1].items() if name.startswith("fed/weight_")]
    assert sum(weights) == pytest.approx(1)


def test_a_masked_team_shares_what_several_hold_and_nothing_else(tmp_path: Path) -> None:
    """Agents 0 and 2 hold the even elements; each keeps its own odd ones. The masks are in the checkpoint."""
    assert train(tmp_path / "run", *HALVES, "stop.rounds=2") == 0
    tensors, own = final_tensors(tmp_path / "run"), aggregates(tmp_path / "run")
    masks = {name: value for name, value in tensors.items() if name.startswith(f"agents/{BUFFER}mask.")}
    assert f"agents/{BUFFER}mask.head.weight" in masks
    for name, mask in masks.items():
        parameter = name.removeprefix(f"agents/{BUFFER}mask.")
        assert mask.dtype == torch.bool
        assert mask.shape == tensors[f"agents/online.{parameter}"].shape
        assert torch.equal(own[0][parameter][mask[0]], own[2][parameter][mask[0]])
        assert not (own[0][parameter][~mask[0]] == own[2][parameter][~mask[0]]).all(), parameter
        assert own[0][parameter].flatten()[0] == own[1][parameter].flatten()[0]
    assert "aggregate/head.bias" in tensors


def test_bad_clusters_leave_no_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "up", "verify"):
        words = ["experiment=smoke", "strategy=clusters", "strategy.clusters=[[0,1],[1,2]]"]
        assert main([command, *words, f"run_dir={tmp_path / 'run'}"]) == 2
        message = capfd.readouterr().err
        assert "names agents more than once: 1. Name each of the agents 0 to 2 of 3m exactly once." in message
        assert "Traceback" not in message
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
@EACH
def test_a_federation_computes_what_one_process_computes(words: list[str]) -> None:
    assert main(["verify", "experiment=smoke", *words]) == 0
