"""Composition: overrides become a typed configuration.

Every mistake raises ConfigurationError before anything starts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedqmix.conf.schema import ENTITY_METHODS, ROBUST, Config, EnvConfig
from fedqmix.envs.code_suite import measured
from fedqmix.envs.factory import available_tasks, team_spec
from fedqmix.envs.registry import SUITES
from fedqmix.runtime.configuration import overrides as written
from fedqmix.runtime.configuration.choices import chosen_in, drop_others
from fedqmix.runtime.configuration.clusters import clusters_of
from fedqmix.runtime.configuration.composing import composed, loader, of_groups
from fedqmix.runtime.configuration.earlier import RENAMED, before
from fedqmix.runtime.configuration.early_stop import with_own_condition
from fedqmix.runtime.configuration.exceptions import require_maps
from fedqmix.runtime.configuration.names import CONFIG_DIR, groups, program
from fedqmix.runtime.configuration.plain import parse_plain, read_plain
from fedqmix.runtime.configuration.ranges import check_map, check_shared, check_team, schema, typed
from fedqmix.runtime.configuration.runs import CONFIG, require_run, run_of
from fedqmix.runtime.core.entities import NO_ACTION, EntityTable
from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.core.own_code import is_file
from fedqmix.runtime.core.spaces import Flat
from fedqmix.runtime.core.world import TeamSpec
from fedqmix.runtime.storage.untrusted import ADVICE, is_there

RESUMABLE = (
    "stop.",
    "logger.",
    "checkpoint.",
    "runtime.threads",
    "runtime.world_threads",
    "runtime.device",
    "strategy.max_update",
    "strategy.on_fault",
    "strategy.max_faults",
)
"""The settings that may change beside resume=: a run's end, and those that keep its results.

Another device rounds differently; runtime.runs.lifecycle.ready.device_warning warns of it. The limits on agents'
updates and faults change no honest run."""
DEPLOYMENT = "deployment"
"""The runtime.name of runs whose parties are separate processes."""


def compose(
    overrides: Sequence[str], *, maps: Sequence[str] | None = None, parameter_names: Sequence[str] | None = None
) -> Config:
    """Compose the configuration of one run.

    overrides: as on the command line ("strategy=rs_pps", "algorithm.batch_size=64"). With "resume=RUN" among them, the
    configuration is the run folder's own, and only the settings of RESUMABLE may be set beside it.
    maps, parameter_names: the valid names for map and strategy.shared; by default those of `envs` and `networks`.
    Raises ConfigurationError for every mistake, with the allowed values and the nearest valid name; CheckpointError
    when the folder of resume= is not a run folder.
    """
    parsed = written.parse(overrides)
    written.single(parsed)
    run = {override.key_or_group: override for override in parsed}.get("resume")
    if run is not None and run.value() is not None:
        own = run_of(Path(str(run.value())))
        require_run(own)
        load(own, maps=maps, parameter_names=parameter_names)  # reports the file's own errors
        raw = _resumed(str(run.value()), [override for override in parsed if override is not run])
        return with_own_condition(_checked(raw, maps, parameter_names), parsed)
    config = _checked(composed(parsed), maps, parameter_names, complete=measured)
    require_maps(config.experiment, _all_tasks() if maps is None else maps)
    return with_own_condition(config, parsed)


def expand(
    overrides: Sequence[str], *, maps: Sequence[str] | None = None, parameter_names: Sequence[str] | None = None
) -> list[list[str]]:
    """Return the overrides of each run of a sweep, the last override varying fastest.

    overrides: such as "strategy=none,a_pps", "seed=range(3)". Every run is composed once, so that a mistake in the last
    one is found before the first one starts. Raises ConfigurationError as `compose` does, and when two runs would write
    the same run folder.
    """
    with loader() as conf:
        parsed = written.parse(overrides, conf)
        try:
            (runs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
        except HydraException as error:
            raise ConfigurationError(f"cannot sweep: {str(error).splitlines()[0]}.") from error
    folders: dict[str, list[str]] = {}
    for run in runs:
        folder = compose(run, maps=maps, parameter_names=parameter_names).run_dir
        if folder in folders:
            raise ConfigurationError(
                f"the runs '{' '.join(folders[folder])}' and '{' '.join(run)}' would both write {folder}: leave "
                "run_dir out, or name in it what differs: \"run_dir='runs/mine-s${seed}'\"."
            )
        folders[folder] = run
    return runs


def load(
    path: str | Path, *, maps: Sequence[str] | None = None, parameter_names: Sequence[str] | None = None
) -> Config:
    """Load a run's config.yaml. path: the run folder or the file.

    Raises ConfigurationError as `compose` does.
    """
    file = _config_of(Path(path))
    with _of_file(file):
        return _checked(completed(read_plain(file)), maps, parameter_names)


def loads(text: str, *, earlier: bool = False) -> Config:
    """Load a configuration from YAML. Raises ConfigurationError as `compose` does.

    earlier: whether the run may be older than some settings, which then get the values that such runs used.
    """
    raw = parse_plain(text)
    return _checked(completed(raw) if earlier else raw, None, None)


def require_resumable(beside: Sequence[Override]) -> None:
    """Check that the overrides beside resume= may change. Raises ConfigurationError."""
    for override in beside:
        if not f"{override.key_or_group}.".startswith(RESUMABLE):
            raise ConfigurationError(
                f"'{override.input_line}' beside resume=: a resumed run keeps its own settings. Only "
                f"{', '.join(_named(RESUMABLE[:-1]))} and {RESUMABLE[-1]} may be changed."
            )


def _named(settings: Sequence[str]) -> list[str]:
    """Return settings and prefixes of settings ("stop.") as a user writes them ("stop.*")."""
    return [f"{name}*" if name.endswith(".") else name for name in settings]


def require_deployed(config: Config) -> None:
    """Check that a run to be resumed as a federation was begun as a federation.

    Raises CheckpointError for a run that was trained in one process: no agent and no mixer process has its state.
    """
    if config.resume is not None and config.runtime.name != DEPLOYMENT:
        raise CheckpointError(
            f"{config.run_dir} was trained in one process; resume it in one: {program()} train resume={config.resume}"
        )


def _config_of(path: Path) -> Path:
    """Return the config.yaml of a run folder, or the file itself.

    Raises ConfigurationError when there is none.
    """
    if not path.exists() or (path.is_dir() and not is_there(path / CONFIG)):
        raise ConfigurationError(f"'{path}' is not a run folder: it has no {CONFIG}.")
    return path / CONFIG if path.is_dir() else path


@contextmanager
def _of_file(file: Path) -> Iterator[None]:
    """Add the file's name and advice to an error in a run's own settings."""
    try:
        yield
    except (ConfigurationError, OmegaConfBaseException) as error:
        text = str(error).splitlines()[0].removesuffix(".")
        named = text if str(file) in text else f"{file} cannot be used: {text}"
        raise ConfigurationError(f"{named}. {ADVICE}") from error


def _resumed(folder: str, beside: Sequence[Override]) -> DictConfig:
    """Return a run's own configuration, changed by the overrides beside resume=."""
    run = run_of(Path(folder))
    raw = completed(read_plain(run / CONFIG))
    require_resumable(beside)
    for override in beside:
        name, value = override.key_or_group, override.value()
        if name in groups():
            raw[name] = OmegaConf.merge(raw[name], OmegaConf.load(CONFIG_DIR / name / f"{value}.yaml"))
        else:
            OmegaConf.update(raw, name, value, force_add=True)
    raw.resume, raw.run_dir = folder, str(run)
    return raw


def completed(raw: DictConfig) -> DictConfig:
    """Add the settings that did not exist when the run was begun (former behaviour, or defaults); drop other choices'.

    raw: a run's settings, unchecked. Raises OmegaConfBaseException for values that are not valid settings.
    """
    for old, new in RENAMED.items():
        section, _, key = old.partition(".")
        if isinstance(raw.get(section), DictConfig) and key in raw[section]:
            raw[section][new.partition(".")[2]] = raw[section].pop(key)
    for name, value in before(str(OmegaConf.select(raw, "env.name"))).items():
        section, _, key = name.partition(".")
        if not key and section not in raw:
            raw[section] = value
        elif isinstance(raw.get(section), DictConfig) and key not in raw[section]:
            raw[section][key] = value
    chosen = {group: OmegaConf.select(raw, group if group == "experiment" else f"{group}.name") for group in groups()}
    known = _defaults(tuple(f"{group}={name}" for group, name in chosen.items() if name in groups()[group]))
    for group in groups():
        if isinstance(raw.get(group), DictConfig):
            raw[group] = OmegaConf.merge(known[group], raw[group])
    drop_others(raw, chosen_in(raw))
    return raw


@lru_cache
def _defaults(choices: tuple[str, ...]) -> DictConfig:
    """Return the defaults of chosen groups, in the schema's types: 0.0, where a file has 0.

    The result is not a struct: a run's unknown settings can be merged into it, and `typed` reports them.
    """
    tree = copy.deepcopy(of_groups(choices))
    chosen = chosen_in(tree)
    drop_others(tree, chosen)
    known = OmegaConf.merge(schema(chosen), tree)
    return OmegaConf.create(cast(dict[str, Any], OmegaConf.to_container(known)))


def _checked(
    raw: DictConfig,
    maps: Sequence[str] | None,
    parameter_names: Sequence[str] | None,
    complete: Callable[[EnvConfig], EnvConfig] = lambda env: env,
) -> Config:
    """Check a composed tree. complete: fills in the sizes of a user's world, which runs its code."""
    config = _with_absolute_code(typed(raw))
    config = replace(config, env=complete(config.env))
    check_map(config.map, config.env, available_tasks(config.env.name) if maps is None else maps)
    if config.strategy.name in ROBUST:
        check_team(config, _agents(config))
    clusters_of(config)
    if "own" not in (config.model.name, config.algorithm.name):  # names of a user's networks: runs.lifecycle.ready
        check_shared(config, _parameter_names(config) if parameter_names is None else parameter_names)
        _check_entities(config)
    return config


def _with_absolute_code(config: Config) -> Config:
    """Return the settings with the files that `*.code` names as absolute paths: every party of a run finds them so."""
    for section in ("strategy", "algorithm", "model", "env"):
        group = getattr(config, section)
        file, colon, name = (getattr(group, "code", None) or "").rpartition(":")
        if colon and is_file(file):
            path = Path(file).expanduser().absolute()
            config = replace(config, **{section: replace(group, code=f"{path}:{name}")})
    return config


def _all_tasks() -> Sequence[str]:
    return tuple(dict.fromkeys(task for suite in SUITES for task in available_tasks(suite)))


def _agents(config: Config) -> int:
    return team_spec(config.map, config.env).n_agents


_ROWS = EntityTable(source=((0,), (0,)), own=(0,), numbers=((0, 1),), actions=(NO_ACTION, 0))
SMALLEST_TEAM = TeamSpec("any", 1, 1, Flat(1, entities=_ROWS), Flat(1, entities=_ROWS), 1)
"""Sizes of a team whose parameters have the same names as those of any other, which needs a target of an action."""


def _parameter_names(config: Config) -> Sequence[str]:
    from fedqmix.algorithms import find_algorithm, make_networks  # here, because it loads torch

    algorithm = find_algorithm(config.algorithm)
    return tuple(make_networks(algorithm, config.algorithm, config.model, SMALLEST_TEAM).shapes())


def _check_entities(config: Config) -> None:
    """Check that world, network and algorithm have entities where one needs them. Raises ConfigurationError."""
    if not {config.algorithm.name, config.model.name} & ENTITY_METHODS:
        return
    from fedqmix.algorithms import find_algorithm  # here, because it loads torch
    from fedqmix.algorithms.fitting import check_fit

    check_fit(find_algorithm(config.algorithm), config.algorithm, config.model, team_spec(config.map, config.env))
