"""The early stop of a run by its score: stop.win_rate where episodes are won, stop.return_mean where none is.

The other score's condition is refused where a user types it, and set to null where an experiment sets it: an experiment
is for all worlds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import Override

from fedqmix.conf.fields import with_known
from fedqmix.conf.schema import Config, StopConfig
from fedqmix.envs.factory import team_spec
from fedqmix.runtime.core.errors import ConfigurationError
from fedqmix.runtime.core.world import Score

SECTION = "stop"
CONDITIONS = {Score.WIN_RATE: "win_rate", Score.RETURN: "return_mean"}
"""Score -> its condition in the section `stop`."""
REASONS = {
    Score.WIN_RATE: "the score there is the win rate, as episodes are won",
    Score.RETURN: "the score there is the mean return, as no episode can be won",
}


def with_own_condition(config: Config, typed: Sequence[Override]) -> Config:
    """Return a run's settings with its own score's condition alone.

    typed: the words of the command line. Raises ConfigurationError when one of them sets the other score's condition.
    """
    if all(getattr(config.stop, name) is None for name in CONDITIONS.values()):
        return config
    given = dict(_typed(typed))
    if config.resume is not None and not given.keys() & set(CONDITIONS.values()):
        return config  # composed by this function when the run was begun; a user's world is not built for it again
    own = CONDITIONS[_score(config)]
    others = [name for name in CONDITIONS.values() if name != own]
    for name, value in given.items():
        if name in others and value is not None:
            raise ConfigurationError(
                f"{SECTION}.{name}={value} with env={config.env.name} map={config.map}: {REASONS[_score(config)]}. "
                f"Write {SECTION}.{own}=..., or leave it out."
            )
    return replace(config, stop=with_known(config.stop, **dict.fromkeys(others)))


def without_condition(stop: StopConfig) -> StopConfig:
    """Return stop.* without an early stop by the score."""
    return with_known(stop, **dict.fromkeys(CONDITIONS.values()))


def conditions_of(stop: StopConfig) -> dict[str, float | None]:
    """Return the conditions by full name."""
    return {f"{SECTION}.{name}": getattr(stop, name) for name in CONDITIONS.values()}


def _score(config: Config) -> Score:
    return team_spec(config.map, config.env).score


def _typed(overrides: Sequence[Override]) -> Iterator[tuple[str, Any]]:
    """Yield the typed settings of the section, also of stop={win_rate: 0.9}."""
    for override in overrides:
        section, _, name = override.key_or_group.partition(".")
        value = override.value()
        if section == SECTION and name:
            yield name, value
        elif section == SECTION and isinstance(value, dict):
            yield from ((str(key), one) for key, one in value.items())
