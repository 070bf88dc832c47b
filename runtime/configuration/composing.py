"""Composition of conf/ by Hydra: every choice of groups once in a process, the settings beside it each time."""

from __future__ import annotations

import copy
import datetime
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from fedqmix.runtime.configuration import names
from fedqmix.runtime.configuration.choices import chosen_in, require_own
from fedqmix.runtime.configuration.exceptions import exception_for
from fedqmix.runtime.core.errors import ConfigurationError


@contextmanager
def loader() -> Iterator[ConfigLoader]:
    """Let Hydra read conf/, with the resolver of a run folder's name."""
    OmegaConf.register_new_resolver("started", _started, replace=True)
    with hydra.initialize_config_dir(str(names.CONFIG_DIR), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def _started() -> str:
    """Return the time and four random digits: runs of the same second get different folders."""
    return f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def composed(overrides: Sequence[Override]) -> DictConfig:
    """Compose the tree, with its experiment's exception for its map below the overrides.

    overrides: parsed and checked, none of them a sweep. Interpolations are not resolved. The files' settings of other
    choices are left in. Raises ConfigurationError, also for an override of another choice's setting.
    """
    tree = _with_settings(overrides, [])
    exception = exception_for(tree)
    return _with_settings(overrides, exception) if exception else tree


def of_groups(choices: Sequence[str]) -> DictConfig:
    """Return the tree of chosen groups ("strategy=none"), to be kept as it is. Raises ConfigurationError."""
    return _of_groups(str(names.CONFIG_DIR), tuple(choices))


@lru_cache(maxsize=64)
def _of_groups(folder: str, choices: tuple[str, ...]) -> DictConfig:
    """folder: where conf/ lies."""
    return _by_hydra(choices)


def _with_settings(overrides: Sequence[Override], exception: Sequence[str]) -> DictConfig:
    """Set single settings as Hydra sets them; it would take a third of a second to compose conf/ again."""
    grouped = [str(one.input_line) for one in overrides if one.key_or_group in names.groups()]
    tree = copy.deepcopy(of_groups([*grouped, *exception]))
    chosen = chosen_in(tree)
    for override in overrides:
        require_own(override.key_or_group, chosen)
    try:
        for override in overrides:
            if override.key_or_group not in names.groups():
                OmegaConf.update(tree, override.key_or_group, override.value(), merge=True)
    except OmegaConfBaseException:  # Hydra finds the same mistake, and has the words for it
        return _by_hydra([*(str(one.input_line) for one in overrides), *exception])
    return tree


def _by_hydra(overrides: Sequence[str]) -> DictConfig:
    try:
        with loader():
            return hydra.compose("config", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        if isinstance(error.__cause__, ConfigKeyError | ConfigAttributeError):
            raise ConfigurationError(names.unknown_setting(str(error.__cause__.full_key))) from error
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"cannot compose the configuration: {reason}") from error
