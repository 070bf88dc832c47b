"""`fedqmix train --help TOPIC` prints every setting with its default, range and meaning, and loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from fedqmix.conf.registry import CHOICES, settings_class
from fedqmix.runtime.cli.main import main
from fedqmix.runtime.configuration.explaining import explain, usual_choices, written
from fedqmix.runtime.configuration.names import choice_settings, groups, sections, settings
from fedqmix.runtime.configuration.settings import compose

EVERY = [(group, choice) for group, choices in CHOICES.items() for choice in choices]


def printed(text: str) -> dict[str, tuple[str, str]]:
    """Return the printed settings: name -> (default, the rest)."""
    found, name = {}, ""
    for line in text.splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            name, _, rest = line.strip().partition("=")
            default, _, range_ = rest.partition("   ")
            if range_.endswith(")"):  # choices whose ranges differ have a line each, which names them
                name += range_[range_.rindex("   (") :]
            assert name not in found, f"{name} is printed twice"
            found[name] = (default, range_)
        elif line.startswith("      "):
            found[name] = (found[name][0], f"{found[name][1]}\n{line.strip()}")
    return found


@pytest.mark.parametrize(("group", "choice"), EVERY)
def test_a_choice_s_help_has_each_of_its_settings_with_range_and_meaning(group: str, choice: str) -> None:
    found = printed(explain(f"{group}={choice}"))
    assert set(found) == {f"{group}.{one.name}" for one in fields(settings_class(group, choice)) if one.name != "name"}
    for name, (_, rest) in found.items():
        range_, meaning = rest.splitlines()[:2]
        assert range_ == choice_settings(group, choice)[name].kind
        assert meaning == choice_settings(group, choice)[name].metadata["doc"]


@pytest.mark.parametrize(("group", "choice"), EVERY)
def test_the_default_is_what_composition_gives_without_an_experiment(group: str, choice: str) -> None:
    task = [] if group == "env" else ["map=8m"]  # a suite has its own
    if choice == "refil":  # refuses the default network
        task += ["model=entity_attention"]
    section = getattr(compose(["experiment=paper", *task, f"{group}={choice}", "run_dir=here"]), group)
    for name, (default, _) in printed(explain(f"{group}={choice}")).items():
        value = getattr(section, name.partition(".")[2])
        if isinstance(value, float):
            assert float(default) == value, name
        elif default.startswith("${" + group):
            assert getattr(section, default.rpartition(".")[2].rstrip("}")) == value
        elif default == "${model.hidden}":
            assert value == 64
        else:
            assert default.replace("${run_dir}", "here") == written(value), name


@pytest.mark.parametrize("section", sections())
def test_a_section_s_help_has_the_settings_of_all_its_choices(section: str) -> None:
    wanted = {name for name in settings() if name.startswith(f"{section}.") and name != f"{section}.name"}
    assert {name.partition(" ")[0] for name in printed(explain(section))} == wanted


def test_choices_whose_ranges_differ_are_named_beside_each() -> None:
    found = printed(explain("env"))
    assert "at most 10000" in found["env.episode_limit   (env=bps | rware)"][1]
    assert "at most 1000000" in found["env.episode_limit   (env=pettingzoo | own)"][1]


def test_other_defaults_are_named_with_who_has_them() -> None:
    _, shared = printed(explain("strategy"))["strategy.shared"]
    assert "[] with strategy=none; [head.*] with strategy=pp_pps" in shared
    assert printed(explain("strategy=pp_pps"))["strategy.shared"][0] == "[head.*]"
    experiment = usual_choices()["experiment"]
    own = compose([f"experiment={experiment}"]).algorithm.learning_rate
    assert (
        f"{own} with experiment={experiment}, the default"
        in printed(explain("algorithm"))["algorithm.learning_rate"][1]
    )


def test_the_settings_of_one_method_stand_under_the_choices_that_have_them() -> None:
    text = explain("algorithm")
    assert "every algorithm:\n  algorithm.code=null" in text
    assert "algorithm=ow_qmix | cw_qmix | own:\n  algorithm.alpha=0.1" in text
    assert text.startswith(
        "algorithm=iql | vdn | qmix | ow_qmix | cw_qmix | qplex | qtran | flex_qmix | refil | transf_qmix | "
        "transf_state | ippo | mappo | own   (default qmix)\n"
    )


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("algoritm", "unknown help topic 'algoritm'; did you mean 'algorithm'? Allowed: algorithm, strategy, env"),
        ("algorithm=qmx", "did you mean 'qmix'?"),
        ("map=3m", "unknown help topic 'map=3m'"),
        ("stop=3", "unknown help topic"),
    ],
)
def test_an_unknown_topic_is_refused(topic: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help", topic]) == 2
    assert message in capfd.readouterr().err


def test_the_command_prints_one_topic_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "map=3m", "--help", "algorithm=vdn", "stop"]) == 0
    assert capsys.readouterr().out == f"{explain('algorithm=vdn')}\n\n{explain('stop')}\n"


def test_plain_help_lists_the_choices_and_the_topics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(choice in text for choices in groups().values() for choice in choices)
    assert all(section in text.partition("meaning of each")[2] for section in sections())
    words = text.split()
    assert all(choice in words for choices in groups().values() for choice in choices), "a name touches its description"


@pytest.mark.parametrize("topics", [["algorithm"], ["env=smac"], []])
def test_help_loads_no_torch_numba_or_flower(topics: list[str]) -> None:
    code = (
        "import sys; from fedqmix.runtime.cli.main import main; "
        f"status = main({['train', '--help', *topics]!r}); "
        "heavy = {'torch', 'numba', 'flwr', 'hydra'} & sys.modules.keys(); print(sorted(heavy), file=sys.stderr); "
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert done.stdout
