"""The YAML tree and the schema say the same, and every combination of choices composes."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.configuration.explaining import explain_groups
from fedqmix.runtime.configuration.names import CONFIG_DIR, groups, sections, settings
from fedqmix.runtime.configuration.settings import compose

MAPS = ("3m", "8m", "5m_vs_6m", "6h_vs_8z", "3s5z_vs_3s6z")
FILES = sorted(CONFIG_DIR.rglob("*.yaml"))


def keys_of(file: Path) -> set[str]:
    """Return the full names a file gives values to."""
    tree = OmegaConf.load(file)
    assert isinstance(tree, DictConfig)
    flat: set[str] = set()
    above_groups = CONFIG_DIR / "experiment", CONFIG_DIR / "algorithm" / "after_experiment"
    is_global = file.parent == CONFIG_DIR or any(folder in file.parents for folder in above_groups)
    is_global = is_global or file.read_text().startswith("# @package _global_")
    prefix = "" if is_global else f"{file.parent.name}."
    for key, value in OmegaConf.to_container(tree, resolve=False).items():
        if key == "defaults":
            continue
        flat |= {f"{prefix}{key}.{inner}" for inner in value} if isinstance(value, dict) else {f"{prefix}{key}"}
    return flat


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONFIG_DIR)))
def test_every_key_of_a_file_is_in_the_schema(file: Path) -> None:
    assert keys_of(file) <= set(settings())


def test_every_setting_of_the_schema_has_a_value_in_yaml() -> None:
    assert set(settings()) == set().union(*map(keys_of, FILES))


def test_every_default_stands_once() -> None:
    """The tree has one value for each setting before choices and experiments change it.

    Algorithms, strategies and networks change some (`model=transformer` is narrower, as published).
    """
    common = keys_of(CONFIG_DIR / "config.yaml")
    alone = [keys_of(file) for group in ("env", "runtime") for file in (CONFIG_DIR / group).glob("*.yaml")]
    for keys in alone:
        assert not keys & common - {"map"}  # a suite names its first task


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONFIG_DIR)))
def test_every_file_begins_by_saying_what_it_is(file: Path) -> None:
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")]
    word = file.stem.replace("_", "-") if file.parent.name == "strategy" else file.stem
    if file.parent != CONFIG_DIR:
        assert lines[0].lower().startswith((f"# {word}: ", f"# {file.stem}: "))
    assert lines[0].startswith("# ")


def combinations() -> list[Any]:
    """Return every triple of choices; those that `make test` leaves out are marked slow.

    It takes a triple for each pair of algorithm and strategy, and the next experiment for each next choice of either.
    So it has every pair with an experiment, too, as there are more algorithms and strategies than experiments.
    """
    algorithms, strategies, experiments = (groups()[group] for group in ("algorithm", "strategy", "experiment"))
    assert len(experiments) <= min(len(algorithms), len(strategies))
    return [
        pytest.param(*names, marks=[] if sum(places[:2]) % len(experiments) == places[2] else pytest.mark.slow)
        for triple in itertools.product(*map(enumerate, (algorithms, strategies, experiments)))
        for places, names in [tuple(zip(*triple, strict=True))]
    ]


@pytest.mark.parametrize(("algorithm", "strategy", "experiment"), combinations())
def test_every_combination_composes(algorithm: str, strategy: str, experiment: str) -> None:
    words = [f"algorithm={algorithm}", f"strategy={strategy}", f"experiment={experiment}", "map=8m"]  # large enough
    if algorithm == "refil":  # refuses the default network
        words += ["model=entity_attention"]
    config = compose(words, maps=MAPS, parameter_names=PARAMETER_NAMES)
    assert (config.algorithm.name, config.strategy.name, config.experiment) == (algorithm, strategy, experiment)


def test_choices_of_a_group_are_the_names_the_schema_knows() -> None:
    for group, files in groups().items():
        if group != "experiment":
            assert set(files) == set(settings()[f"{group}.name"].metadata["choices"])


def test_paper_profile_is_the_papers() -> None:
    config = compose(["experiment=paper"], maps=MAPS)
    algorithm = config.algorithm
    assert (algorithm.learning_rate, algorithm.gamma, algorithm.batch_size, algorithm.buffer_size) == (
        5e-4,
        0.99,
        96,
        5000,
    )
    assert (algorithm.target_update_interval, algorithm.target_update_rate, algorithm.grad_norm_clip) == (200, 1.0, 10)
    assert (algorithm.epsilon_start, algorithm.epsilon_finish, algorithm.epsilon_anneal_steps) == (1.0, 0.05, 50_000)
    assert (algorithm.parallel_episodes, algorithm.updates_per_episode, algorithm.double_q) == (1, 1, True)
    assert (config.evaluation.every_env_steps, config.evaluation.episodes) == (5000, 32)
    assert (config.strategy.aggregation_interval, config.model.hidden, config.stop.env_steps) == (300, 64, 2_000_000)


def test_an_experiment_gives_way_to_the_command_line_only() -> None:
    assert compose(["experiment=smoke"], maps=MAPS).model.hidden == 16
    assert compose(["experiment=smoke", "model.hidden=24"], maps=MAPS).model.hidden == 24


def test_help_lists_every_choice_with_its_meaning() -> None:
    text = explain_groups()
    for group, choices in groups().items():
        assert f"{group}=" in text
        for choice in choices:
            lines = [line for line in text.splitlines() if choice in line.split()[:2]]
            assert len(lines) == sum(choice in others for others in groups().values())
            assert all(len(line.split()) > 3 for line in lines)
    assert "* a_pps" in text
    assert set(groups()) <= {*sections(), "experiment"}
