"""What a submitted run may set: its words are checked where they arrive, before anything is imported or written.

Who submits a run may choose how a team is trained; on the SuperLink's machine, it chooses no path, no code and nobody
to send anything to. So a setting may be submitted when its type bounds it (a number, true or false, one of several
words), when its value is compared with a list (map, strategy.shared), or when it is checked here:

run_dir, resume    a name under the SuperLink's runs=
*.code             modules and files that the operator allows (runtime.configuration.allowed)
logger=wandb       where the operator allows it

All other settings are refused, also those that are yet to come.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from fedqmix.conf.schema import Config
from fedqmix.runtime.configuration import overrides as written
from fedqmix.runtime.configuration.allowed import Allowed, code_of
from fedqmix.runtime.configuration.names import Setting, groups, settings
from fedqmix.runtime.configuration.runs import in_runs
from fedqmix.runtime.core.errors import ConfigurationError

LONGEST = 20_000
"""Characters of all words together; a run's settings take a few hundred."""
PLACES = ("run_dir", "resume")
LISTED = ("map", "strategy.shared")
"""Settings of free text whose value is compared with a list of names when the configuration is composed."""
SERVICES = ("logger.wandb_project", "logger.wandb_mode")
_BOUNDED = (bool, int, float, type(None))


def submitted(words: Sequence[str], runs: Path, allowed: Allowed) -> list[str]:
    """Return the words of a submission as they may be composed: each value quoted anew, resume= with its real folder.

    runs: the SuperLink's folder of runs, absolute. Raises ConfigurationError, which names the setting, says what is
    allowed, and how the operator allows more.
    """
    if sum(map(len, words)) > LONGEST:
        raise ConfigurationError(f"the run's settings are longer than {LONGEST} characters.")
    parsed = written.parse(words)
    written.single(parsed)
    return [_checked(override, runs, allowed) for override in parsed]


def require_submittable(config: Config, allowed: Allowed) -> None:
    """Check a composed configuration, whose values may come from the run that is resumed. Raises ConfigurationError."""
    for name, code in code_of(config):
        allowed.require_code(name, code)
    if config.logger.name == "wandb":
        allowed.require_wandb("logger=wandb")


def submittable(name: str) -> bool:
    """Tell whether a submission may set this setting or group, to a value that passes its checks."""
    if name in groups() or name in (*PLACES, *LISTED, *SERVICES) or name.endswith(".code"):
        return True
    return name in settings() and _bounded(settings()[name])


def _bounded(setting: Setting) -> bool:
    if setting.metadata.get("choices"):
        return True
    options = typing.get_args(setting.type) if isinstance(setting.type, types.UnionType) else (setting.type,)
    return all(option in _BOUNDED for option in options)


def _checked(override: Override, runs: Path, allowed: Allowed) -> str:
    name, value = override.key_or_group, override.value()
    text = str(override.input_line)
    if not submittable(name):
        raise ConfigurationError(_refusal(name, text))
    for word in value if isinstance(value, list) and name not in PLACES else [value]:
        _require_plain(text, word)
    if name in PLACES and value is not None:
        folder = in_runs(str(value), runs, name)
        return f"{name}={written.quoted(str(folder) if name == 'resume' else str(value))}"
    if name.endswith(".code") and value is not None:
        allowed.require_code(name, str(value))
    if name in SERVICES or (name, str(value)) == ("logger", "wandb"):
        allowed.require_wandb(text)
    return f"{name}={written.as_written(value)}"


def _refusal(name: str, text: str) -> str:
    inside = [one for one in settings() if one.startswith(f"{name}.") and submittable(one)]
    if inside:
        return f"'{text}': a submitted run sets one setting at a time, such as {inside[0]}=..."
    return (
        f"{name} may not be submitted: it is the operator's, who runs the machines. A submitted run may set numbers, "
        "choices, map, strategy.shared, and run_dir and resume to a name under the SuperLink's runs=; leave "
        f"{name} out."
    )


def _require_plain(text: str, value: Any) -> None:
    """Check that a value is one word, and refers to nothing. Raises ConfigurationError."""
    if not isinstance(value, str | int | float | None):
        raise ConfigurationError(
            f"'{text}': a submitted run sets one setting at a time, to a number, a word or a list of words."
        )
    if isinstance(value, str) and ("${" in value or not value.isprintable()):
        raise ConfigurationError(
            f"'{text}': a submitted value may not refer to others or to the environment (${{...}}), nor hold control "
            "characters: write the value itself."
        )
