"""Untrusted YAML: names and values, in a mapping that is neither large nor deep."""

from __future__ import annotations

from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedqmix.runtime.core.errors import CheckpointError, ConfigurationError
from fedqmix.runtime.storage.untrusted import has_control_characters, read_file

LONGEST = 50_000
"""Most characters of a YAML text; a run's settings take three thousand."""
DEEPEST = 4
"""Most nested levels: a mapping of sections, which are mappings and hold lists, as strategy.clusters of lists."""


def read_plain(file: Path) -> DictConfig:
    """Read the settings in a file, unchecked.

    Raises ConfigurationError with the file's name when it is missing, not a regular file, larger than settings can be,
    or more than names and values.
    """
    try:
        text = read_file(file, 4 * LONGEST).decode()  # a character takes at most four bytes
        return parse_plain(text)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error
    except CheckpointError as error:
        raise ConfigurationError(str(error)) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{file} is refused: {error}") from error


def parse_plain(text: str) -> DictConfig:
    """Parse the settings in a YAML text, unchecked.

    Raises ConfigurationError as `require_plain` does.
    """
    require_plain(text)
    try:
        raw = OmegaConf.create(text)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError) as error:
        raise ConfigurationError(f"the run's settings cannot be read: {_sentence(error)}") from error
    if not isinstance(raw, DictConfig):
        raise ConfigurationError("it holds no configuration: a mapping of settings is needed.")
    return raw


def require_plain(text: str) -> None:
    """Check that a YAML text is plain, without resolving it.

    A plain text has no anchors, tags, references or control characters, and at most LONGEST characters and DEEPEST
    levels. Raises ConfigurationError.
    """
    if len(text) > LONGEST:
        raise ConfigurationError(f"the run's settings are longer than {LONGEST} characters.")
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
                raise ConfigurationError("the run's settings have anchors or tags, and are refused.")
            if isinstance(event, yaml.ScalarEvent) and "${" in event.value:
                raise ConfigurationError(f"the run's settings refer to others ({event.value[:80]}), and are refused.")
            if isinstance(event, yaml.ScalarEvent) and has_control_characters(event.value):
                raise ConfigurationError(f"the run's settings hold control characters ({event.value[:80]!r}).")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or (depth == 0 and isinstance(event, yaml.ScalarEvent)):
                raise ConfigurationError(
                    f"the run's settings are not a mapping of at most {DEEPEST} levels, and are refused."
                )
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"the run's settings cannot be read: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    """Return the first line of an error, with the line in the text when YAML reports one."""
    first = (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".")
    mark = getattr(error, "problem_mark", None)
    return f"{first}." if mark is None else f"{first}, line {mark.line + 1}."
