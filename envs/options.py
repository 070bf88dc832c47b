"""The settings of a world outside a training run: defaults with a caller's changes."""

from __future__ import annotations

from dataclasses import fields
from importlib import resources
from typing import Any, cast, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedqmix.conf.kinds import kind, within
from fedqmix.conf.registry import CHOICES, settings_class
from fedqmix.conf.schema import EnvConfig
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.runtime.core.errors import ConfigurationError


def skirmish_options(**changes: Any) -> SkirmishOptions:
    """Return the default settings of env=skirmish with a caller's changes; see `world_options`."""
    return cast(SkirmishOptions, world_options("skirmish", **changes))


def world_options(suite: str, **changes: Any) -> EnvConfig:
    """Return the default settings of a suite with a caller's changes.

    changes: values under the names of conf/env/, such as starts="varied".
    Raises ConfigurationError when the suite or a name is unknown, or a value has the wrong type or is out of range.
    """
    if suite not in CHOICES["env"]:
        raise ConfigurationError(f"Cannot set up the world: there is no suite {suite!r}; {', '.join(CHOICES['env'])}.")
    text = resources.files("fedqmix.conf").joinpath(f"env/{suite}.yaml").read_text(encoding="utf-8")
    tree = cast(DictConfig, OmegaConf.create(text))
    made = settings_class("env", suite)
    known = OmegaConf.structured(made)
    try:
        merged = OmegaConf.merge(known, tree.get("env", tree), changes)  # a file may set `map` beside its `env`
        options = cast(EnvConfig, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"Cannot set up the world: {reason}. Settings: {', '.join(known)}.") from error
    declared = get_type_hints(made)
    for field in fields(made):
        found = getattr(options, field.name)
        if not within(found, field.metadata):
            needed = kind(declared[field.name], field.metadata)
            raise ConfigurationError(f"Cannot set up the world: {field.name}={found!r} is not valid: {needed}.")
    return options
