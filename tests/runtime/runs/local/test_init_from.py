"""Runs that begin with the networks of other runs: by name and shape, personal ones too, or a refusal."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from fedqmix.clients import rounds
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.storage import reading
from support import size_free

SMOKE = ["experiment=smoke", "stop.env_steps=300"]
SOON = ["algorithm.batch_size=2", "algorithm.parallel_episodes=2"]
"""Settings by which the first training step follows the first two episodes."""
OWN = ["model=own", f"model.code={size_free.__file__}:SizeFree"]


def train(run: Path, *words: str) -> int:
    return main(["train", *SMOKE, f"run_dir={run}", *words])


def tensors(run: Path, which: str = "round"):
    return reading.load(reading.locate(run) if which == "round" else run / "checkpoints" / which).tensors


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of qmix whose agents differ."""
    run = tmp_path_factory.mktemp("source") / "run"
    assert train(run, "strategy=none") == 0
    return run


@pytest.fixture(scope="module")
def size_free_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("source") / "run"
    assert train(run, "strategy=none", *OWN) == 0
    return run


def begun(run: Path, source: Path, monkeypatch: pytest.MonkeyPatch, *words: str):
    """Train a run from another; return the agents' parameters and the mixer's before its first training step."""
    seen: list[tuple[dict[str, torch.Tensor], ...]] = []
    step = rounds.train_step

    def first(agents, coordinator, *rest):
        if not seen:
            mixer = {name: value for name, value in coordinator.state().items() if name.startswith("mixer.")}
            seen.append(tuple(_copies(one) for one in (agents.online, agents.target, mixer)))
        return step(agents, coordinator, *rest)

    monkeypatch.setattr(rounds, "train_step", first)
    assert train(run, f"init_from={source}", *words) == 0
    return seen[0]


def _copies(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items()}


def test_agents_and_mixer_begin_with_the_networks_of_the_source(source, tmp_path, monkeypatch, capsys) -> None:
    online, target, mixer = begun(tmp_path / "run", source, monkeypatch, "strategy=none", "seed=2")
    before = tensors(source)
    for name, value in online.items():
        assert torch.equal(value, before["agents"][f"online.{name}"]), name
        assert torch.equal(target[name], value), name
    for name, value in mixer.items():
        assert torch.equal(value, before["mixer"][name]), name
    text = "".join(capsys.readouterr())
    assert "beginning with the agents' networks of" in text
    assert "the mixer, too" in text


def test_shared_parameters_begin_with_the_first_agents_and_personal_ones_stay_apart(
    source, tmp_path, monkeypatch
) -> None:
    online, _, _ = begun(tmp_path / "run", source, monkeypatch, "strategy=pp_pps")
    before = tensors(source)["agents"]
    for agent in range(3):
        assert torch.equal(online["head.weight"][agent], before["online.head.weight"][0])
        assert torch.equal(online["fc.weight"][agent], before["online.fc.weight"][agent])
    assert not torch.equal(before["online.fc.weight"][0], before["online.fc.weight"][1])


def test_a_larger_team_takes_the_first_agents_network_for_the_others(
    size_free_source, tmp_path, monkeypatch, capsys
) -> None:
    online, _, mixer = begun(tmp_path / "run", size_free_source, monkeypatch, "map=2s3z", "strategy=none", *OWN)
    before = tensors(size_free_source)["agents"]
    for agent, of in enumerate((0, 1, 2, 0, 0)):
        for name, value in online.items():
            assert torch.equal(value[agent], before[f"online.{name}"][of])
    assert mixer.keys() == {name for name in tensors(size_free_source)["mixer"] if name.startswith("mixer.")}
    text = " ".join("".join(capsys.readouterr()).split())
    assert "agents 3 to 4 with those of its agent 0; the mixer begins anew, as" in text


def test_a_smaller_team_takes_the_first_agents(size_free_source, tmp_path, monkeypatch) -> None:
    online, _, _ = begun(tmp_path / "run", size_free_source, monkeypatch, "map=2s_vs_1sc", "strategy=none", *SOON, *OWN)
    before = tensors(size_free_source)["agents"]
    for name, value in online.items():
        assert torch.equal(value, before[f"online.{name}"][:2])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["map=8m"], r"fc.weight has the shape \[42, 16\] in it, and \[\d+, 16\] is needed"),
        (["model.hidden=8"], r"fc.weight has the shape \[42, 16\] in it, and \[42, 8\] is needed"),
        (["algorithm=ow_qmix"], r"central.fc.weight is not in it, and \[42, 16\] is needed"),
        (["strategy=snp_ps"], r"strategy.keep=0.5: agents hold parts of a root network"),
    ],
)
def test_networks_that_do_not_fit_are_refused_before_anything_starts(
    source, tmp_path, capsys, words: list[str], text: str
) -> None:
    assert train(tmp_path / "run", f"init_from={source}", *words) != 0
    assert re.search(text, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_a_run_is_refused(tmp_path, capsys) -> None:
    assert train(tmp_path / "run", f"init_from={tmp_path / 'nothing'}") != 0
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_it_is_resumed_without_the_source(source, tmp_path) -> None:
    copy, run = tmp_path / "copy", tmp_path / "run"
    shutil.copytree(source, copy)
    assert train(run, f"init_from={copy}") == 0
    shutil.rmtree(copy)
    assert main(["train", f"resume={run}", "stop.env_steps=600"]) == 0
    assert json.loads((run / "summary.json").read_text())["outcome"] == "finished"
