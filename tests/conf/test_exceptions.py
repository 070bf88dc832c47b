"""An experiment's exceptions for single maps: over the experiment, under the command line, refused when misspelled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration import exceptions, names, settings
from fedqmix.runtime.configuration.allowed import NOTHING
from fedqmix.runtime.configuration.explaining import explain_groups
from fedqmix.runtime.configuration.settings import compose, expand, load
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.deployment.server_end import _configuration
from fedqmix.runtime.runs.lifecycle.folder import RunFolder
from fedqmix.runtime.runs.seeds.experiment import Experiment

MAPS = ("3m", "8m", "5m_vs_6m")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration tree, copied, with an exception of `smoke` for 8m; the folder of smoke's exceptions."""
    copied = tmp_path / "conf"
    shutil.copytree(names.CONFIG_DIR, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(names, "CONFIG_DIR", copied)
    monkeypatch.setattr(settings, "CONFIG_DIR", copied)
    folder = copied / "experiment" / "smoke"
    folder.mkdir()
    write(folder / "8m.yaml", "algorithm:\n  gamma: 0.5\n  batch_size: 7\nmodel:\n  hidden: 24\n")
    return folder


def write(file: Path, text: str) -> None:
    file.write_text(f"# @package _global_\n# {file.stem}: an exception.\n{text}")


def sizes(*words: str) -> tuple[float, int, int]:
    config = compose(["experiment=smoke", *words], maps=MAPS)
    return config.algorithm.gamma, config.algorithm.batch_size, config.model.hidden


def test_only_its_own_map_and_experiment_have_an_exception(tree: Path) -> None:
    assert sizes() == sizes("map=5m_vs_6m") == (0.99, 8, 16)
    assert sizes("map=8m") == (0.5, 7, 24)
    assert compose(["experiment=quick", "map=8m"], maps=MAPS).model.hidden == 64
    assert compose(["map=8m", "experiment=smoke"], maps=MAPS).experiment == "smoke"


def test_what_is_typed_wins(tree: Path) -> None:
    assert sizes("map=8m", "algorithm.gamma=0.9") == (0.9, 7, 24)
    assert sizes("model.hidden=8", "map=8m") == (0.5, 7, 8)


def test_each_run_of_a_sweep_has_its_maps_exception(tree: Path) -> None:
    runs = expand(["map=3m,8m", "experiment=smoke"], maps=MAPS)
    assert [compose(run, maps=MAPS).model.hidden for run in runs] == [16, 24]


def test_a_run_folder_keeps_it_and_a_resumed_run_has_it_still(tree: Path, tmp_path: Path) -> None:
    config = compose(["experiment=smoke", "map=8m", f"run_dir='{tmp_path / 'run'}'"], maps=MAPS)
    RunFolder.create(tmp_path / "run", config, ["fedqmix"]).close()
    assert "hidden: 24" in (tmp_path / "run" / "config.yaml").read_text()
    (tree / "8m.yaml").unlink()
    assert load(tmp_path / "run", maps=MAPS).model.hidden == 24
    assert compose([f"resume='{tmp_path / 'run'}'"], maps=MAPS).algorithm.gamma == 0.5


def test_submissions_and_several_seeds_have_it_too(tree: Path, tmp_path: Path) -> None:
    words = ["experiment=smoke", "map=8m", "algorithm.gamma=0.9"]
    config = _configuration([*words, "run_dir=mine"], tmp_path, NOTHING)
    assert (config.model.hidden, config.algorithm.gamma) == (24, 0.9)
    with Experiment.begin([*words, f"run_dir='{tmp_path / 'seeds'}'"], [1, 2]) as experiment:
        assert (experiment.config.model.hidden, experiment.config.algorithm.gamma) == (24, 0.9)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("5m_vs_6n.yaml", "seed: 1\n", ("5m_vs_6n.yaml is an exception for no map", "mean '5m_vs_6m'?")),
        ("8m.yaml", "algorithm:\n  gama: 0.5\n", ("8m.yaml", "did you mean 'algorithm.gamma=...'?")),
        ("8m.yaml", "algoritm:\n  gamma: 0.5\n", ("8m.yaml", "unknown setting 'algoritm.gamma'")),
        ("8m.yaml", "map: 3m\n", ("8m.yaml", "sets map, which an exception for one map may not change")),
        ("8m.yaml", "algorithm:\n  name: vdn\n", ("8m.yaml", "sets algorithm.name")),
        ("8m.yaml", "model: gru\n", ("8m.yaml", "unknown setting 'model'")),
        ("8m.yaml", "- 3\n", ("8m.yaml", "a mapping of settings is needed")),
        ("8m.yaml", "algorithm: {gamma: [\n", ("cannot read", "8m.yaml")),
        ("8m.yaml", "algorithm:\n  gamma: much\n", ("algorithm.gamma=much has the wrong type",)),
    ],
)
def test_mistakes_in_an_exception_are_named(tree: Path, file: str, text: str, words: tuple[str, ...]) -> None:
    write(tree / file, text)
    with pytest.raises(ConfigurationError) as caught:
        compose(["experiment=smoke", "map=8m"], maps=MAPS)
    for word in words:
        assert word in str(caught.value)


def test_help_names_the_maps(tree: Path) -> None:
    (line,) = [line for line in explain_groups().splitlines() if line.split()[:1] == ["smoke"]]
    assert line.endswith("(with settings of their own: 8m)")


def test_an_exception_is_not_a_word_of_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "experiment/smoke=8m"]) == 2
    assert "unknown setting 'experiment/smoke'" in capfd.readouterr().err


def test_tuned_qmix_has_the_published_exceptions() -> None:
    usual, returns, wide = (compose(["experiment=tuned", f"map={one}"]) for one in ("3m", "6h_vs_8z", "3s5z_vs_3s6z"))
    assert (usual.algorithm.td_lambda, usual.algorithm.epsilon_anneal_steps, usual.model.hidden) == (0.6, 100_000, 64)
    assert (returns.algorithm.td_lambda, returns.algorithm.epsilon_anneal_steps) == (0.3, 500_000)
    assert (wide.model.hidden, wide.algorithm.mixing_embed, wide.algorithm.hypernetwork_hidden) == (256, 64, 256)


def test_every_exception_of_ours_composes() -> None:
    for experiment in names.groups()["experiment"]:
        for map_ in exceptions.exceptions_of(experiment):
            assert compose([f"experiment={experiment}", f"map={map_}"]).experiment == experiment
