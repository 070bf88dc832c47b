"""The settings of env=skirmish outside a training run: defaults with a caller's changes."""

from __future__ import annotations

from dataclasses import fields
from importlib import resources
from typing import Any, cast, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedqmix.conf.kinds import kind, within
from fedqmix.envs.skirmish.options import SkirmishOptions
from fedqmix.runtime.core.errors import ConfigurationError


def skirmish_options(**changes: Any) -> SkirmishOptions:
    """Return the default settings of env=skirmish with a caller's changes.

    changes: values under the names of conf/env/skirmish.yaml.
    Raises ConfigurationError when a name is unknown, or a value has the wrong type or is out of range.
    """
    text = resources.files("fedqmix.conf").joinpath("env/skirmish.yaml").read_text(encoding="utf-8")
    known = OmegaConf.structured(SkirmishOptions)
    try:
        merged = OmegaConf.merge(known, OmegaConf.create(text), changes)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"Cannot set up the world: {reason}. Settings: {', '.join(known)}.") from error
    options = cast(SkirmishOptions, OmegaConf.to_object(merged))
    declared = get_type_hints(SkirmishOptions)
    for field in fields(SkirmishOptions):
        found = getattr(options, field.name)
        if not within(found, field.metadata):
            needed = kind(declared[field.name], field.metadata)
            raise ConfigurationError(f"Cannot set up the world: {field.name}={found!r} is not valid: {needed}.")
    return options
