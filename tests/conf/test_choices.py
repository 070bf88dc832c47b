"""A group's section has the class of its choice; another choice's setting is refused when typed, dropped when read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass
from inspect import get_annotations
from pathlib import Path

import pytest
from omegaconf import MISSING, OmegaConf

from fedqmix.algorithms import ALGORITHMS
from fedqmix.analysis.benchmarks import attack_runs
from fedqmix.conf import fields as conf_fields
from fedqmix.conf.fields import with_known
from fedqmix.conf.registry import CHOICES, OWN, make_settings, settings_class
from fedqmix.conf.schema import Config
from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.configuration.choices import choices_with, values_of
from fedqmix.runtime.configuration.names import choice_settings, settings
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.received import received
from fedqmix.runtime.configuration.settings import compose, load, loads
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.runs.reporting.reading import read_run
from fedqmix.strategies import STRATEGIES
from support.run_folders import write_run

MAPS = ("3m", "8m")
EVERY = [(group, choice) for group, choices in CHOICES.items() for choice in choices]
LIGHT = sorted({reference.partition(":")[0] for choices in CHOICES.values() for reference in choices.values()})
HEAVY = ("torch", "numba", "flwr", "hydra")


def composed(*words: str) -> Config:
    if any(word.startswith("env=") for word in words):  # a suite has its own tasks, and names its first one
        # Which early stop is a suite's own depends on its score: worlds without code have none.
        return compose([*words, "stop.win_rate=null"], parameter_names=PARAMETER_NAMES)
    if "algorithm=refil" in words:  # refuses the default network
        words = (*words, "model=entity_attention")
    return compose([*words, "map=8m"], maps=MAPS, parameter_names=PARAMETER_NAMES)


def foreign(group: str, choice: str) -> list[str]:
    """Return the settings that other choices of the group have."""
    known = choice_settings(group, choice)
    return [name for name in settings() if name.startswith(f"{group}.") and name not in known]


@pytest.mark.parametrize(("group", "choice"), EVERY)
def test_a_choice_is_typed_by_its_own_class(group: str, choice: str) -> None:
    section = getattr(composed(f"{group}={choice}"), group)
    assert type(section) is settings_class(group, choice)
    assert section.name == choice
    assert MISSING not in [getattr(section, one.name) for one in fields(section)]


@pytest.mark.parametrize(("group", "choice"), EVERY)
def test_a_setting_of_another_choice_is_refused(group: str, choice: str) -> None:
    for name in foreign(group, choice):
        with pytest.raises(ConfigurationError) as refused:
            composed(f"{group}={choice}", f"{name}=1")
        text = str(refused.value)
        having = [one for one in choices_with(name) if one != OWN]
        assert text.startswith(f"{name} is a setting of {having[0]}")
        assert all(one in text for one in having)
        said = text.partition(f"{group}={choice} has: ")[2].removesuffix(".").split(", ")
        assert said == [one for one in choice_settings(group, choice) if one != f"{group}.name"]


def test_the_refusal_reads_as_a_sentence() -> None:
    with pytest.raises(ConfigurationError) as refused:
        composed("algorithm=vdn", "algorithm.alpha=0.5")
    assert str(refused.value).startswith(
        "algorithm.alpha is a setting of ow_qmix and cw_qmix; algorithm=vdn has: algorithm.code, "
    )


def test_a_user_s_own_code_has_every_setting_of_its_group() -> None:
    for group in ("algorithm", "model", "strategy"):
        assert not foreign(group, OWN)
    config = composed("algorithm=own", "algorithm.alpha=0.25", "strategy=own", "strategy.krum_select=2")
    assert (config.algorithm.alpha, config.strategy.krum_select) == (0.25, 2)


def test_an_experiment_for_all_methods_sets_what_a_method_has() -> None:
    """experiment=smoke sets strategy.policy_episodes, and tuned's exception for 3s5z_vs_3s6z the mixing network."""
    assert "policy_episodes" not in to_yaml(composed("experiment=smoke", "strategy=a_pps"))
    assert composed("experiment=smoke", "strategy=rs_pps").strategy.policy_episodes == 4
    words = ["experiment=tuned", "map=3s5z_vs_3s6z"]
    wide, plain = (compose([*words, f"algorithm={name}"]) for name in ("ow_qmix", "vdn"))
    assert (wide.algorithm.mixing_embed, plain.model.hidden) == (64, 256)
    assert not hasattr(plain.algorithm, "mixing_embed")


def with_all(config: Config) -> str:
    """Return a configuration as versions wrote it in which one class had the settings of all choices."""
    tree = OmegaConf.create(to_yaml(config))
    for group, choice in EVERY:
        for name in foreign(group, getattr(config, group).name):
            if name in choice_settings(group, choice):
                tree[group][name.partition(".")[2]] = 0
    return OmegaConf.to_yaml(tree)


@pytest.mark.parametrize(("group", "choice"), EVERY)
def test_a_file_with_the_settings_of_all_choices_is_read_as_before(group: str, choice: str) -> None:
    config = composed(f"{group}={choice}")
    text = with_all(config)
    assert all(f"  {name.partition('.')[2]}: 0\n" in text for name in foreign(group, choice))
    assert loads(text) == loads(text, earlier=True) == config


def test_what_no_choice_has_is_still_an_error_in_a_file() -> None:
    text = to_yaml(composed("algorithm=vdn")).replace("gamma:", "alpah: 0.5\n  gamma:")
    for earlier in (False, True):
        with pytest.raises(ConfigurationError, match=r"unknown setting 'algorithm.alpah'; did you mean"):
            loads(text, earlier=earlier)


def test_an_unknown_choice_is_what_is_reported() -> None:
    text = with_all(composed()).replace("name: a_pps", "name: b_pps")
    with pytest.raises(ConfigurationError, match=r"unknown strategy.name 'b_pps'; did you mean"):
        loads(text)


def test_folders_messages_and_resumed_runs_hold_all_settings(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "old", [0.5], "algorithm=vdn", "strategy=none")
    before = load(folder)
    (folder / "config.yaml").write_text(with_all(before))
    assert load(folder) == before
    assert compose([f"resume={folder}", "stop.rounds=3"]).algorithm == before.algorithm
    assert received(with_all(before)).strategy == before.strategy
    assert not {"algorithm.alpha", "strategy.krum_select", "env.games"} & {
        *read_run(folder).settings,
        *read_run(folder).world_settings,
    }


def test_a_method_s_code_reads_settings_that_its_class_has() -> None:
    """The annotation `settings: QmixSettings` of a half or strategy holds for the class in the registry."""
    checked = 0
    halves = {("algorithm", name): (found.agent, found.team) for name, found in ALGORITHMS.items()}
    for (group, name), classes in (halves | {("strategy", name): (one,) for name, one in STRATEGIES.items()}).items():
        for declared in [needed for one in classes for needed in annotated(one)]:
            assert issubclass(settings_class(group, name), declared)
            assert issubclass(settings_class(group, OWN), declared)
            checked += 1
    assert checked >= 10


def annotated(found: type) -> list[type]:
    """Return the settings classes that a class and its bases annotate; protocols, which mypy checks, are left out."""
    own = [one for one in found.__mro__ if "settings" in get_annotations(one)]
    named = [eval(get_annotations(one)["settings"], vars(sys.modules[one.__module__])) for one in own]
    return [one for one in named if is_dataclass(one)]


def test_every_setting_says_what_it_means() -> None:
    for name, setting in settings().items():
        assert setting.metadata.get("doc"), name
        assert not setting.metadata["doc"].endswith("."), name


def test_sections_without_a_setting_are_changed_in_what_they_have() -> None:
    config = composed("strategy=a_pps")
    assert with_known(config.strategy, policy_episodes=1, max_faults=3).max_faults == 3
    with pytest.raises(TypeError):
        make_settings("strategy", "a_pps", {}, {"policy_episodes": 1})


def test_values_are_those_of_the_schema() -> None:
    config = composed("algorithm=vdn")
    found = values_of(config)
    sections = {one.name for one in fields(Config) if is_dataclass(getattr(config, one.name))}
    assert not sections & set(found)
    assert found["algorithm.gamma"] == config.algorithm.gamma
    assert "algorithm.alpha" not in found


def test_the_mark_of_a_required_value_is_omegaconf_s() -> None:
    assert conf_fields.MISSING == MISSING


@pytest.mark.parametrize("module", LIGHT)
def test_a_settings_class_is_loaded_without_its_code(module: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*(set({HEAVY!r}) & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout.strip(), found.stderr) == (0, "", "")


def test_aggregations_of_an_attack_share_settings_that_one_of_them_has() -> None:
    assert "krum" in attack_runs.fitting(["map=8m", "strategy.krum_select=2"])
    with pytest.raises(ConfigurationError, match=r"strategy.krum_select is a setting of krum; strategy=median has"):
        attack_runs.measure(["map=8m", "strategy.krum_select=2"], ["honest"], ["median"], [1], 1, None)
