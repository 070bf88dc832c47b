"""What there is to set: the choices of groups, and every setting with its default, range and meaning.

Made from the settings classes and the YAML files, which are read plainly: help waits for no Hydra and no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from fedqmix.conf.registry import CHOICES
from fedqmix.runtime.configuration.names import (
    CONFIG_DIR,
    Setting,
    choice_settings,
    groups,
    sections,
    settings,
    unknown,
)
from fedqmix.runtime.core.errors import ConfigurationError

MAIN = CONFIG_DIR / "config.yaml"


def explain_groups() -> str:
    """List every group with its choices, their descriptions (from the files) and the default."""
    from fedqmix.runtime.configuration.exceptions import exceptions_of  # here, because it loads OmegaConf

    lines = []
    width = max(len(choice) for choices in groups().values() for choice in choices) + 1
    for group, default in usual_choices().items():
        lines.append(f"{group}=")
        for choice in groups()[group]:
            star = "*" if choice == default else " "
            maps = ", ".join(exceptions_of(choice)) if group == "experiment" else ""
            other = f" (with settings of their own: {maps})" if maps else ""
            lines.append(f"  {star} {choice:<{width}}{_first_sentence(CONFIG_DIR / group / f'{choice}.yaml')}{other}")
    return "\n".join([*lines, "(* default)"])


def explain(topic: str) -> str:
    """List the settings of a section, or of one choice of a group: name, default, range and meaning.

    topic: "algorithm", "algorithm=ow_qmix", "stop". Raises ConfigurationError for anything else.
    """
    section, given, choice = topic.partition("=")
    if section not in sections():
        raise ConfigurationError(unknown("help topic", topic, sections()))
    if given and choice not in groups().get(section, ()):
        raise ConfigurationError(unknown(f"help topic {section}=", choice, groups().get(section, ())))
    every = _choices(section)
    choices = (choice,) if given else every
    lines = [_title(section, choices, given=bool(given))]
    named: tuple[str, ...] = ()
    for name in _of_section(section):
        having = tuple(one for one in choices if name in _settings_of(section, one))
        if not having:
            continue
        if having != named and not given and len(every) > 1:
            lines += ["", f"every {section}:" if having == every else f"{section}={' | '.join(having)}:"]
        named = having
        several = _alike(section, name, having)
        for same in several:
            of = f"   ({section}={' | '.join(same)})" if len(several) > 1 else ""
            lines += _lines(name, _settings_of(section, same[0])[name], same, of)
    return "\n".join(lines)


@cache
def usual_choices() -> Mapping[str, str]:
    """Return the default choice of every group, in the order in which they are applied."""
    entries = _read(MAIN)["defaults"]
    named = [entry for entry in entries if entry != "_self_"]
    return {group: choice for entry in named for group, choice in entry.items() if group in groups()}


def _choices(section: str) -> tuple[str, ...]:
    """Return a section's choices, in the registry's order; one without a name for a section outside the groups."""
    return tuple(CHOICES.get(section, ())) or groups().get(section, ("",))


def _of_section(section: str) -> list[str]:
    """Return the names of the settings of all choices of a section, those of the same choices side by side."""
    mine = [name for name in settings() if name.startswith(f"{section}.") and name != f"{section}.name"]
    having = {name: tuple(name in _settings_of(section, one) for one in _choices(section)) for name in mine}
    order = list(dict.fromkeys(having.values()))
    return sorted(mine, key=lambda name: order.index(having[name]))


def _alike(section: str, name: str, having: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the choices that have a setting, those with the same range and meaning of it together."""
    found: list[tuple[str, ...]] = []
    for one in having:
        mine = _settings_of(section, one)[name]
        same = next((group for group in found if _settings_of(section, group[0])[name] == mine), None)
        if same is None:
            found.append((one,))
        else:
            found[found.index(same)] = (*same, one)
    return found


def _settings_of(section: str, choice: str) -> Mapping[str, Setting]:
    return choice_settings(section, choice) if section in CHOICES else settings()


def _title(section: str, choices: Sequence[str], *, given: bool) -> str:
    if given:
        return f"{section}={choices[0]}: {_first_sentence(CONFIG_DIR / section / f'{choices[0]}.yaml')}"
    usual = usual_choices().get(section)
    return f"{section}={' | '.join(choices)}   (default {usual})" if usual else f"{section}.*"


def _lines(name: str, setting: Setting, having: Sequence[str], of: str) -> list[str]:
    """Return a setting's lines: name, default and range; meaning; the other defaults.

    having: the choices that have it. of: a remark beside the range. Others: of these choices, and of the usual
    experiment, which has the last word.
    """
    section, _, key = name.partition(".")
    common = _read(MAIN).get(section, {})
    of_choice = {one: (common | _file(section, one) | after_experiment(section, one)).get(key) for one in having}
    default = of_choice.get(usual_choices().get(section, ""), of_choice[having[0]])
    others = [f"{written(value)} with {section}={one}" for one, value in of_choice.items() if value != default]
    experiment = usual_choices()["experiment"]
    changed = _file("experiment", experiment).get(section, {})
    if key in changed and any(key not in after_experiment(section, one) for one in having):
        others.append(f"{written(changed[key])} with experiment={experiment}, the default")
    lines = [f"  {name}={written(default)}   {setting.kind}{of}", f"      {setting.metadata['doc']}"]
    return [*lines, f"      {'; '.join(others)}"] if others else lines


def written(value: Any) -> str:
    """Return a value as a YAML file has it: null, true, [a,b]."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value) or '""'


def after_experiment(group: str, choice: str) -> Mapping[str, Any]:
    """Return the settings that a choice needs under every experiment, by their names in the group."""
    folder = CONFIG_DIR / group / "after_experiment"
    if not (folder / f"{choice}.yaml").is_file():
        return {}
    content = _read(folder / f"{choice}.yaml")
    found: dict[str, Any] = {}
    for other in content.get("defaults", []):
        found |= after_experiment(group, other)
    return {**found, **content.get(group, {})}


def _file(group: str, choice: str) -> Mapping[str, Any]:
    """Return the settings in a choice's file: the group's own, where the file sets others too (`@package _global_`)."""
    path = CONFIG_DIR / group / f"{choice}.yaml"
    content = _read(path) if path.is_file() else {}
    own = content.get(group)
    return own if isinstance(own, dict) else content


@cache
def _read(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load(path.read_text(encoding="utf-8")))


def _first_sentence(path: Path) -> str:
    """Return a file's leading comment, without the choice's name, up to a source or full stop."""
    lines = [line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    comment = " ".join(line for line in lines if not line.startswith("@package"))
    text = comment.split(": ", 1)[1]
    return min(text.split(". ")[0], text.split(" (")[0], text.split(";")[0], key=len).rstrip(".")
