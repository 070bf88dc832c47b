"""Validation of a configuration: types, ranges, choices, and impossible combinations."""

from __future__ import annotations

import fnmatch
import math
import types
import typing
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException, ValidationError

from fedqmix.conf.schema import LESSENING_OFF, ON_POLICY, ROBUST, Config, StrategyConfig, least_agents
from fedqmix.runtime.configuration.names import Setting, settings, unknown, unknown_setting
from fedqmix.runtime.configuration.on_policy import check_drawn, check_newest
from fedqmix.runtime.core.errors import ConfigurationError

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def typed(raw: DictConfig) -> Config:
    """Resolve interpolations and turn a composed tree into the schema's dataclasses.

    Raises ConfigurationError for unknown and missing settings, wrong types, values out of range, and settings that
    are impossible together.
    """
    try:
        OmegaConf.resolve(raw)
    except InterpolationResolutionError as error:
        raise ConfigurationError(f"a value refers to another that is not there: {error}.") from error
    merged = _merge(raw)
    missing = OmegaConf.missing_keys(merged)
    for name, setting in settings().items():
        if name in missing or name.rpartition(".")[0] in missing:
            raise ConfigurationError(f"{name} has no value: write {name}=... ({_kind(setting)}).")
    config = OmegaConf.to_object(merged)
    assert isinstance(config, Config)
    for name, setting in settings().items():
        _check_range(name, attrgetter(name)(config), setting)
    _check_combinations(config)
    return config


@cache
def schema() -> DictConfig:
    """Return the settings' types and defaults, to be merged with; nobody may change it."""
    return cast(DictConfig, OmegaConf.structured(Config))


def to_yaml(config: Config) -> str:
    """Return a configuration as YAML, from which `typed` makes an equal one."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _merge(raw: DictConfig) -> DictConfig:
    """Merge a tree into the schema, so that OmegaConf checks its types.

    OmegaConf would convert a number to true or false; such a number is refused before. Raises ConfigurationError.
    """
    for name in flags():
        value = OmegaConf.select(raw, name, throw_on_missing=False)
        if value is not None and not isinstance(value, bool):
            raise ConfigurationError(f"{name}={value} has the wrong type; needed: {_kind(settings()[name])}.")
    try:
        merged = OmegaConf.merge(schema(), raw)
    except ConfigKeyError as error:
        raise ConfigurationError(unknown_setting(str(error.full_key))) from error
    except ValidationError as error:
        name = str(error.full_key).split("[")[0]
        value = OmegaConf.select(raw, name)
        needed = f"needed: {_kind(settings()[name])}" if name in settings() else str(error).splitlines()[0]
        whole = isinstance(value, float) and value.is_integer()
        hint = f" Write {name}={int(value)}." if whole else ""
        raise ConfigurationError(f"{name}={_written(value)} has the wrong type; {needed}.{hint}") from error
    except OmegaConfBaseException as error:
        raise ConfigurationError(f"the configuration does not fit: {str(error).splitlines()[0]}.") from error
    assert isinstance(merged, DictConfig)
    return merged


@cache
def flags() -> tuple[str, ...]:
    """Return the settings that are true or false."""
    return tuple(name for name, setting in settings().items() if setting.type is bool)


def _kind(setting: Setting) -> str:
    """Describe a setting's valid values: "a whole number, at least 1"."""
    choices = setting.metadata.get("choices")
    if choices:
        return "one of " + ", ".join(choices)
    if typing.get_origin(setting.type) is list:
        return "a list such as [head.*]"
    options = typing.get_args(setting.type) if isinstance(setting.type, types.UnionType) else (setting.type,)
    words = [_KINDS[option] for option in options if option is not type(None)]
    limits = _limits(setting)
    orders = [", " + limits] if limits else []
    null = [", or null"] if type(None) in options else []
    return "".join([*words, *orders, *null])


def _limits(setting: Setting) -> str:
    low, high, above, below = (setting.metadata.get(key) for key in ("low", "high", "above", "below"))
    if low is None:
        return ""
    lower = f"greater than {low}" if above else f"at least {low}"
    upper = f"less than {high}" if below else f"at most {high}"
    return lower if high is None else f"{lower} and {upper}"


def _written(value: Any) -> str:
    return "null" if value is None else str(value)


def _check_range(name: str, value: Any, setting: Setting) -> None:
    choices = setting.metadata.get("choices")
    if choices and value not in choices:
        raise ConfigurationError(unknown(name, value, choices))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high, above, below = (setting.metadata.get(key) for key in ("low", "high", "above", "below"))
    inside = math.isfinite(value)
    inside = inside and (low is None or (value > low if above else value >= low))
    inside = inside and (high is None or (value < high if below else value <= high))
    if not inside:
        raise ConfigurationError(f"{name}={value} is out of range: {_kind(setting)}.")


def _check_combinations(config: Config) -> None:
    algorithm, strategy = config.algorithm, config.strategy
    if algorithm.name in ON_POLICY:
        check_newest(algorithm)
        check_drawn(algorithm)
    for name in ("batch_size", "parallel_episodes"):
        size = getattr(algorithm, name)
        if size > algorithm.buffer_size:
            raise ConfigurationError(
                f"algorithm.{name}={size} does not fit into algorithm.buffer_size={algorithm.buffer_size} episodes: "
                f"choose {name} <= buffer_size."
            )
    if algorithm.epsilon_finish > algorithm.epsilon_start:
        raise ConfigurationError(
            f"algorithm.epsilon_finish={algorithm.epsilon_finish} lies above "
            f"algorithm.epsilon_start={algorithm.epsilon_start}: exploration can only shrink."
        )
    if strategy.name == "none" and strategy.shared:
        raise ConfigurationError(
            f"strategy=none shares nothing, but strategy.shared={_patterns(strategy.shared)}: leave it out, or choose "
            "another strategy."
        )
    if strategy.name != "none" and not strategy.shared:
        raise ConfigurationError(f"strategy={strategy.name} with strategy.shared=[] shares nothing: use strategy=none.")
    _check_code(config)
    if strategy.name == "full_sharing" and not strategy.common_start:
        raise ConfigurationError(
            "strategy=full_sharing is one network for all agents: strategy.common_start=true is needed."
        )
    _check_lessening(strategy)
    _check_clipping(strategy)
    if config.env.name == "smac" and config.env.randomise != "nothing":
        raise ConfigurationError(
            f"env.randomise={config.env.randomise} with env=smac: SMAC plays its maps as they are. Leave it out, or "
            "choose env=skirmish."
        )
    for name, starts in (("env", config.env.starts), ("evaluation", config.evaluation.starts)):
        if config.env.name != "smac" or starts == "varied":
            continue
        raise ConfigurationError(
            f"{name}.starts={starts} with env=smac: StarCraft II places the units itself, a little differently in "
            f"every battle. Write {name}.starts=varied, or choose env=skirmish."
        )


def _check_code(config: Config) -> None:
    """Check that a user's own code is named where a group says `own`, and nowhere else."""
    for name in ("strategy", "algorithm", "model"):
        group = getattr(config, name)
        if group.name != "own" and group.code is not None:
            raise ConfigurationError(
                f"{name}.code={group.code} is for {name}=own, but {name}={group.name}: write {name}=own, or leave it "
                "out."
            )


def _check_lessening(strategy: StrategyConfig) -> None:
    """Check that settings which reduce the cost of averaging suit the strategy.

    The strategy must average, and a server optimiser needs a common start. Raises ConfigurationError.
    """
    reasons = {"none": "averages nothing", "full_sharing": "has one network for all agents already"}
    for name, off in LESSENING_OFF.items():
        value = getattr(strategy, name)
        if value != off and strategy.name in reasons:
            raise ConfigurationError(
                f"strategy.{name}={str(value).lower()} reduces the cost of averaging, but strategy={strategy.name} "
                f"{reasons[strategy.name]}: leave it out, or choose a_pps, rs_pps or pp_pps."
            )
    if strategy.server_optimiser != "none" and not strategy.common_start:
        raise ConfigurationError(
            f"strategy.server_optimiser={strategy.server_optimiser} moves one network on from round to round, so all "
            "agents begin with one: strategy.common_start=true is needed."
        )


def _check_clipping(strategy: StrategyConfig) -> None:
    """Check that updates are clipped only for strategies that average from a common start.

    Raises ConfigurationError.
    """
    given = f"strategy.clip_update={strategy.clip_update}"
    if strategy.clip_update is None:
        if strategy.name == "norm_clip":
            raise ConfigurationError(
                "strategy=norm_clip with strategy.clip_update=null clips nothing: give a number such as 1, or choose "
                "strategy=a_pps."
            )
        return
    reasons = {"none": "averages nothing", "full_sharing": "has one network for all agents in every training step"}
    reasons |= dict.fromkeys(ROBUST, "bounds each agent's influence itself")
    if strategy.name in reasons:
        raise ConfigurationError(
            f"{given} bounds the agents' updates before they are averaged, but strategy={strategy.name} "
            f"{reasons[strategy.name]}: leave it out, or choose norm_clip, a_pps, rs_pps or pp_pps."
        )
    if not strategy.common_start:
        raise ConfigurationError(
            f"{given} measures updates from the network that a round begins with, so all agents begin with one: "
            "strategy.common_start=true is needed."
        )


def check_team(config: Config, n_agents: int) -> None:
    """Check that a map's team is large enough for a robust strategy.

    Raises ConfigurationError with the strategies that fit the team.
    """
    strategy = config.strategy
    f, m = strategy.byzantine, strategy.krum_select
    least = least_agents(strategy.name, f, m)
    if n_agents >= least:
        return
    fit = [name for name in ROBUST if least_agents(name, f, 1) <= n_agents]
    selecting = f" and strategy.krum_select={m}" if strategy.name == "krum" and m > 1 else ""
    raise ConfigurationError(
        f"strategy={strategy.name} with strategy.byzantine={f}{selecting} needs at least {least} agents; {config.map} "
        f"has {n_agents}. Use {' or '.join(filter(None, [', '.join(fit), 'norm_clip']))}."
    )


def check_shared(config: Config, parameter_names: Sequence[str]) -> None:
    """Check that every pattern of strategy.shared matches a parameter.

    The patterns of full_sharing must match all of them. Raises ConfigurationError with the parameters' names.
    """
    patterns = config.strategy.shared
    for pattern in patterns:
        if not fnmatch.filter(parameter_names, pattern):
            raise ConfigurationError("strategy.shared: " + unknown("parameter or pattern", pattern, parameter_names))
    personal = [name for name in parameter_names if not any(fnmatch.fnmatchcase(name, one) for one in patterns)]
    if config.strategy.name == "full_sharing" and personal:
        raise ConfigurationError(
            f"strategy=full_sharing shares all parameters, but strategy.shared={_patterns(patterns)} leaves out "
            f"{', '.join(personal)}: use strategy.shared=['*'] or strategy=a_pps."
        )


def check_map(config: Config, maps: Sequence[str]) -> None:
    """Check that the map exists. Raises ConfigurationError with the nearest name and all names."""
    if config.map not in maps:
        raise ConfigurationError(unknown("map", config.map, maps))


def _patterns(patterns: Sequence[str]) -> str:
    return "[" + ",".join(patterns) + "]"
