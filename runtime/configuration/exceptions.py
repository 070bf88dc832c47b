"""The exceptions of an experiment for single maps.

`conf/experiment/tuned/6h_vs_8z.yaml` holds the settings in which `experiment=tuned map=6h_vs_8z` differs from
`conf/experiment/tuned.yaml`. They replace the experiment's settings; the command line's overrides replace them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from fedqmix.runtime.configuration import names
from fedqmix.runtime.configuration.names import settings, unknown, unknown_setting
from fedqmix.runtime.core.errors import ConfigurationError

NOT_OF_A_MAP = ("map", "seed", "run_dir", "resume", "experiment")
"""Settings that choose the run itself.

An exception that changed one would select another exception.
"""


def exceptions_of(experiment: str) -> Mapping[str, Path]:
    """Return the files of an experiment's exceptions by map, sorted; empty when there are none."""
    if experiment not in names.groups()["experiment"]:  # a run's own file may hold any text here
        return {}
    folder = names.CONFIG_DIR / "experiment" / experiment
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def exception_for(composed: DictConfig) -> list[str]:
    """Return the override that adds the exception for an experiment and map; [] without one.

    composed: the configuration with both. Raises ConfigurationError when the exception changes a setting that no
    exception may change.
    """
    try:
        experiment, map_ = (str(OmegaConf.select(composed, name)) for name in ("experiment", "map"))
    except OmegaConfBaseException:  # a dangling reference: reported when the configuration is checked
        return []
    file = exceptions_of(experiment).get(map_)
    if file is None:
        return []
    _settings_of(file)
    return [f"+experiment/{experiment}={map_}"]


def require_maps(experiment: str, maps: Sequence[str]) -> None:
    """Check that every exception of an experiment is for an existing map.

    Raises ConfigurationError.
    """
    for map_, file in exceptions_of(experiment).items():
        if map_ not in maps:
            raise ConfigurationError(f"{file} is an exception for no map: {unknown('map', map_, maps)}")


def exception_settings(experiment: str, map_: str) -> dict[str, Any]:
    """Return the settings of an experiment's exception for a map, by full name.

    Raises ConfigurationError as `exception_for` does.
    """
    file = exceptions_of(experiment).get(map_)
    return {} if file is None else _settings_of(file)


def _settings_of(file: Path) -> dict[str, Any]:
    """Return a file's settings by full name.

    Raises ConfigurationError with the file's name when it holds anything but settings that may differ between maps.
    """
    try:
        tree = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise ConfigurationError(f"cannot read {str(file)!r}: {str(error).splitlines()[0]}.") from error
    if not isinstance(tree, dict):
        raise ConfigurationError(f"'{file}' sets nothing: a mapping of settings is needed.")
    found: dict[str, Any] = {}
    for section, value in cast(dict[str, Any], tree).items():
        found |= (
            {f"{section}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {section: value}
        )
    for name in found:
        if name in NOT_OF_A_MAP or name.endswith(".name"):
            raise ConfigurationError(f"'{file}' sets {name}, which an exception for one map may not change.")
        if name not in settings():
            raise ConfigurationError(f"'{file}': {unknown_setting(name)}")
    return found
