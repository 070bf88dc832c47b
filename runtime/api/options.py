"""A run's settings with another map, seed or options of its world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from fedqmix.conf.schema import Config
from fedqmix.envs.code_suite import measured
from fedqmix.runtime.configuration.names import unknown
from fedqmix.runtime.configuration.ranges import to_yaml
from fedqmix.runtime.configuration.settings import loads
from fedqmix.runtime.core.errors import ConfigurationError


def with_world(config: Config, map: str, seed: int, options: Mapping[str, Any]) -> Config:
    """Return settings with another world, checked as a run's own are.

    options: names under env., without the prefix. Raises ConfigurationError for an unknown map, an unknown option, and
    a value of another type or range.
    """
    allowed = [field.name for field in fields(config.env) if field.name != "name"]
    for name in options:
        if name not in allowed:
            raise ConfigurationError(unknown("option of the world", name, allowed))
    changed = replace(config, map=map, seed=seed)
    try:
        changed = replace(changed, env=measured(replace(config.env, **options)))
        text = to_yaml(changed)
    except OmegaConfBaseException as error:
        name, reason = str(error.full_key or "").rpartition(".")[2], str(error).splitlines()[0].removesuffix(".")
        raise ConfigurationError(f"the option {name} of the world is not valid: {reason}.") from error
    return loads(text)
