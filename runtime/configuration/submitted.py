"""The settings that a submission may set, checked before anything is imported or written.

A submission may choose how a team is trained. On the SuperLink's machine it may choose no path, no code and no receiver
of data. So it may set a setting whose type bounds it (a number, true or false, one of several words). It may set one
whose value is compared with a list (map, strategy.shared, strategy.clusters), and those that are checked here:

run_dir, resume, init_from   a name under the SuperLink's runs=
*.code                       modules and files that the operator allows (runtime.configuration.allowed)
logger=wandb                 where the operator allows it

All other settings are refused, and so are settings that are added later.
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
"""Most characters of all words together; a run's settings take a few hundred."""
PLACES = ("run_dir", "resume", "init_from")
CLUSTERS = "strategy.clusters"
LISTED = ("map", "strategy.shared", CLUSTERS)
"""Settings of free form; composition compares their values with a list of names, or of agents."""
SERVICES = ("logger.wandb_project", "logger.wandb_mode")
_BOUNDED = (bool, int, float, type(None))


def submitted(words: Sequence[str], runs: Path, allowed: Allowed) -> list[str]:
    """Return a submission's words for composition: values quoted, resume= and init_from= with their real folders.

    runs: the SuperLink's folder of runs, absolute. Raises ConfigurationError with the setting, the allowed values, and
    how the operator allows more.
    """
    if sum(map(len, words)) > LONGEST:
        raise ConfigurationError(f"the run's settings are longer than {LONGEST} characters.")
    parsed = written.parse(words)
    written.single(parsed)
    return [_checked(override, runs, allowed) for override in parsed]


def require_submittable(config: Config, allowed: Allowed) -> None:
    """Check a composed configuration; its values may come from the resumed run.

    Raises ConfigurationError.
    """
    for name, code in code_of(config):
        allowed.require_code(name, code)
    if config.logger.name == "wandb":
        allowed.require_wandb("logger=wandb")


def submittable(name: str) -> bool:
    """Return whether a submission may set this setting or group, to a value that passes checks."""
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
    for word in _values(name, value):
        _require_plain(text, word)
    if name in PLACES and value is not None:
        folder = in_runs(str(value), runs, name)
        return f"{name}={written.quoted(str(value) if name == 'run_dir' else str(folder))}"
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
        f"{name} may not be submitted: the operator of the machines sets it. A submitted run may set numbers, "
        "choices, map, strategy.shared, strategy.clusters, and run_dir, resume and init_from to a name under the "
        f"SuperLink's runs=; leave {name} out."
    )


def _values(name: str, value: Any) -> list[Any]:
    """Return the values in a list, or the value itself; strategy.clusters may be a list of lists."""
    if not isinstance(value, list) or name in PLACES:
        return [value]
    nested = name == CLUSTERS
    return [one for part in value for one in (part if nested and isinstance(part, list) else [part])]


def _require_plain(text: str, value: Any) -> None:
    """Check that a value is one word without references. Raises ConfigurationError."""
    if not isinstance(value, str | int | float | None):
        raise ConfigurationError(
            f"'{text}': a submitted run sets one setting at a time, to a number, a word or a list of words."
        )
    if isinstance(value, str) and ("${" in value or not value.isprintable()):
        raise ConfigurationError(
            f"'{text}': a submitted value may not refer to others or to the environment (${{...}}), nor hold control "
            "characters: write the value itself."
        )
