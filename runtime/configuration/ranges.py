"""Validation of a configuration: types, ranges, choices, and impossible combinations."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException, ValidationError

from fedqmix.conf.kinds import within
from fedqmix.conf.registry import settings_class
from fedqmix.conf.schema import LESSENING_OFF, ON_POLICY, ROBUST, Config, EnvConfig, StrategyConfig, least_agents
from fedqmix.envs.factory import team_spec
from fedqmix.envs.registry import find_suite
from fedqmix.runtime.configuration.choices import Chosen, chosen_in, drop_others, settings_of
from fedqmix.runtime.configuration.clusters import check_clustered
from fedqmix.runtime.configuration.names import Setting, unknown, unknown_setting
from fedqmix.runtime.configuration.on_policy import check_drawn, check_newest
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.strategies.options import EveryStepSettings, KrumSettings, RobustSettings


def typed(raw: DictConfig) -> Config:
    """Resolve interpolations and turn a composed tree into the schema's dataclasses, a group into its choice's class.

    raw: is changed. Settings of other choices of a group are dropped.
    Raises ConfigurationError for unknown and missing settings, wrong types, values out of range, and settings that
    are impossible together.
    """
    try:
        OmegaConf.resolve(raw)
    except InterpolationResolutionError as error:
        raise ConfigurationError(f"a value refers to another that is not there: {error}.") from error
    chosen = chosen_in(raw)
    drop_others(raw, chosen)
    known = settings_of(chosen)
    merged = _merge(raw, chosen)
    missing = OmegaConf.missing_keys(merged)
    for name, setting in known.items():
        if name in missing or name.rpartition(".")[0] in missing:
            raise ConfigurationError(f"{name} has no value: write {name}=... ({setting.kind}).")
    config = OmegaConf.to_object(merged)
    assert isinstance(config, Config)
    for name, setting in known.items():
        _check_range(name, attrgetter(name)(config), setting)
    _check_combinations(config)
    return config


@cache
def schema(chosen: Chosen) -> DictConfig:
    """Return the types and defaults of a run's settings, to be merged with; no caller may change it."""
    known = cast(DictConfig, OmegaConf.structured(Config))
    for group, choice in chosen:
        known[group] = OmegaConf.structured(settings_class(group, choice))
    return known


def to_yaml(config: Config) -> str:
    """Return a configuration as YAML, from which `typed` makes an equal one."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _merge(raw: DictConfig, chosen: Chosen) -> DictConfig:
    """Merge a tree into the schema, so that OmegaConf checks its types.

    OmegaConf would convert a number to true or false; such a number is refused before. Raises ConfigurationError.
    """
    known = settings_of(chosen)
    for name, setting in known.items():
        value = OmegaConf.select(raw, name, throw_on_missing=False) if setting.type is bool else None
        if value is not None and not isinstance(value, bool):
            raise ConfigurationError(f"{name}={value} has the wrong type; needed: {setting.kind}.")
    try:
        merged = OmegaConf.merge(schema(chosen), raw)
    except ConfigKeyError as error:
        raise ConfigurationError(unknown_setting(str(error.full_key))) from error
    except ValidationError as error:
        name = str(error.full_key).split("[")[0]
        value = OmegaConf.select(raw, name)
        needed = f"needed: {known[name].kind}" if name in known else str(error).splitlines()[0]
        whole = isinstance(value, float) and value.is_integer()
        hint = f" Write {name}={int(value)}." if whole else ""
        raise ConfigurationError(f"{name}={_written(value)} has the wrong type; {needed}.{hint}") from error
    except OmegaConfBaseException as error:
        raise ConfigurationError(f"the configuration does not fit: {str(error).splitlines()[0]}.") from error
    assert isinstance(merged, DictConfig)
    return merged


def _written(value: Any) -> str:
    return "null" if value is None else str(value)


def _check_range(name: str, value: Any, setting: Setting) -> None:
    choices = setting.metadata.get("choices")
    if choices and value not in choices:
        raise ConfigurationError(unknown(name, value, choices))
    if not within(value, setting.metadata):
        raise ConfigurationError(f"{name}={value} is out of range: {setting.kind}.")


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
    if ties_gradients(strategy) and not strategy.common_start:
        one, several = "is one network for all agents", "with strategy.every_step=true shares every gradient"
        raise ConfigurationError(
            f"strategy={strategy.name} {one if strategy.name == 'full_sharing' else several}: "
            "strategy.common_start=true is needed."
        )
    _check_lessening(strategy)
    _check_clipping(strategy)
    check_clustered(strategy)
    find_suite(config.env.name).check(config.env, config.evaluation)


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
    if ties_gradients(strategy) and strategy.name not in reasons:
        reasons[strategy.name] = "with strategy.every_step=true shares every gradient already"
    several = dict.fromkeys(("clusters", "seps"), "one for each cluster")
    several |= {"adaps": "a part of it for each cluster", "snp_ps": "a part of it for each agent"}
    if strategy.name in several and strategy.server_optimiser != "none":
        raise ConfigurationError(
            f"strategy.server_optimiser={strategy.server_optimiser} moves one network for all agents, but "
            f"strategy={strategy.name} has {several[strategy.name]}: leave it out."
        )
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
    if ties_gradients(strategy) and strategy.name not in reasons:
        reasons[strategy.name] = "with strategy.every_step=true shares every gradient already"
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


def ties_gradients(strategy: StrategyConfig) -> bool:
    """Return whether the agents of one of our strategies share every gradient."""
    return strategy.name == "full_sharing" or (isinstance(strategy, EveryStepSettings) and strategy.every_step)


def check_team(config: Config, n_agents: int) -> None:
    """Check that a map's team is large enough for a robust strategy.

    Raises ConfigurationError with the strategies that fit the team.
    """
    strategy = config.strategy
    if not isinstance(strategy, RobustSettings):
        return
    f, m = strategy.byzantine, strategy.krum_select if isinstance(strategy, KrumSettings) else 1
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

    Where agents share every gradient, the patterns must match all of them. Raises ConfigurationError with the
    parameters' names.
    """
    patterns = config.strategy.shared
    for pattern in patterns:
        if not fnmatch.filter(parameter_names, pattern):
            raise ConfigurationError("strategy.shared: " + unknown("parameter or pattern", pattern, parameter_names))
    personal = [name for name in parameter_names if not any(fnmatch.fnmatchcase(name, one) for one in patterns)]
    if ties_gradients(config.strategy) and personal:
        whole = config.strategy.name == "full_sharing"
        what = "full_sharing" if whole else f"{config.strategy.name} with strategy.every_step=true"
        raise ConfigurationError(
            f"strategy={what} shares all parameters, but strategy.shared={_patterns(patterns)} leaves out "
            f"{', '.join(personal)}: use strategy.shared=['*'] or {'strategy=a_pps' if whole else 'every_step=false'}."
        )


def check_map(map: str, env: EnvConfig, tasks: Sequence[str]) -> None:
    """Check that the map is one of its suite's tasks, or that the suite accepts it where names are open.

    tasks: the suite's; where there are none, any name is valid. Raises ConfigurationError with the nearest name and
    all names, or with the pattern of names.
    """
    if not tasks or map in tasks:
        return
    if not find_suite(env.name).open_names:
        raise ConfigurationError(f"{unknown('map', map, tasks)} These are the tasks of env={env.name}.")
    team_spec(map, env)


def _patterns(patterns: Sequence[str]) -> str:
    return "[" + ",".join(patterns) + "]"
